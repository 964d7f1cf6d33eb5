//! The use cases of Keystead. The crate is native only and knows neither HTTP nor HTML.
//!
//! Reading order: [`Portal`] (all rooms), `people` (who signs in, and how), `changes` (how a verification code authorises one
//! command), `scopes` and `keys` (the commands), `custody` (keys that a customer's KMS releases), `store` (the only SQL), `vault`
//! (sealed values at rest), `audit` (the log of what people and services did).

#![forbid(unsafe_code)]

pub mod audit;
pub mod base;
pub mod changes;
pub mod custody;
pub mod data;
pub mod keys;
pub mod overview;
pub mod people;
mod portal;
mod scopes;
mod services;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vault;

pub use base::clock::Clock;
pub use base::error::Error;
pub use base::hardening::{Hardened, harden};
pub use base::secret::{SecretBytes, SecretText};
pub use changes::session::{Client, NewSession, Session, Stage};
pub use custody::aws_keys::AwsAsked;
pub use people::setup::SetupState;
pub use portal::{Confirmed, Portal, Settings, Waiting};
pub use store::migrate::schema;
pub use vault::keyring::{instance_if_any, right_root_key};
pub use vault::opened::Adoption;
