//! The use cases of Keystead. Native only; knows neither HTTP nor HTML.
//!
//! Reading order: [`Portal`] (what there is), `people` (who comes in), `changes` (how a verification code becomes the right to do
//! one thing), `scopes` and `keys` (what is done), `custody` (keys that a customer's KMS releases), `store` (the only SQL), `vault`
//! (what lies there sealed), `audit` (what people and services did).

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
pub use vault::keyring::{instance_if_any, right_root_key};
