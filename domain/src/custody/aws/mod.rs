//! Values from a customer's AWS account: a region, a key's ARN, a data key encrypted under it, the id of an access key. Each
//! parser is strict, so that a parsed value contains nothing else: no part of an address, no line break, no digit of another
//! script.

mod arn;
mod credentials;
mod data_key;
mod paste;
mod policy;
mod region;
mod region_table;
mod shown;

pub use arn::{ArnRefused, KeyArn};
pub use credentials::{AccessKeyId, AccessKeyIdRefused, SecretAccessKeyRefused, secret_access_key};
pub use data_key::{EncryptedDataKey, EncryptedDataKeyRefused};
pub use paste::{PasteRefused, Pasted, paste};
pub use policy::decrypt_only_policy;
pub use region::{Region, RegionRefused};
pub use region_table::Partition;
pub use shown::ShownField;

/// Implements the conversions of a type that is serialised as one text and parsed back by its grammar.
macro_rules! as_text {
    ($type:ident, $refused:ident) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl TryFrom<String> for $type {
            type Error = $refused;
            fn try_from(text: String) -> Result<Self, $refused> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.as_str().to_owned()
            }
        }
    };
}
use as_text;
