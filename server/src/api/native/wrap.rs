//! Wrap: a data key, with the newest version.

use super::operations::operation;
use super::wire::{Base64, answers, context, requests};
use engine::SecretBytes;
use engine::data::{ToWrap, Wrapped};

requests! {
    /// A data key to wrap. If none is given, Keystead generates one of 32 bytes.
    WrapRequest, WrapItem {
        /// 32 bytes, in base64.
        #[serde(default)]
        #[schema(value_type = Option<String>, format = Byte)]
        dek: Option<Base64<SecretBytes>>,
    } => ToWrap: |said| {
        Ok(ToWrap { dek: said.dek.map(|dek| dek.0).transpose()?, context: context(said.context) })
    };
}

answers! {
    /// A data key, its wrapped form (EDEK), and the version that wrapped it.
    WrappedKey, of Wrapped: |done| { dek: done.dek.expose(), edek: &done.edek, }
}

operation! { wrap "/api/v1/scopes/{environment}/{country}/wrap" Wrap
"Wraps a data key with the newest version. Generates the data key if none is given.", WrapRequest, WrapItem => WrappedKey, |items| items }
