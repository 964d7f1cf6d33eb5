//! The use cases of Keystead. Native only; knows neither HTTP nor HTML.
//!
//! Reading order: [`Portal`] (what there is), `sign_in` (who comes in), `changes` and [`authority`]
//! (how a verification code becomes the right to do one thing), `scopes` and `keys` (what is
//! done), `aws_keys`, [`kms`] and [`lease`] (keys that a customer's KMS releases), `store` (the only SQL), [`envelope`]
//! (what lies there sealed), [`journal`] (what services did).

#![forbid(unsafe_code)]

pub mod access;
mod aliases;
mod api_keys;
pub mod audit;
pub mod authority;
mod aws_keys;
pub mod changes;
pub mod clock;
pub mod data;
mod email;
pub mod envelope;
pub mod error;
mod hardening;
pub mod health;
pub mod journal;
mod keys;
pub mod kms;
pub mod lease;
mod material;
mod notes;
mod password;
mod portal;
pub use portal::{instance_if_any, right_root_key};
mod profile;
mod random;
pub mod recovery;
pub mod root_key;
pub mod root_rotation;
pub mod scheduler;
mod scopes;
pub mod secret;
mod sessions;
mod setup;
mod sign_in;
pub mod store;
pub mod tenant_secrets;
#[cfg(feature = "testing")]
pub mod testing;
mod throttle;
pub mod totp;
mod usage;
mod users;

pub use aws_keys::AwsAsked;
pub use clock::Clock;
pub use error::Error;
pub use hardening::{Hardened, harden};
pub use portal::{Portal, Settings};
pub use secret::{SecretBytes, SecretText};
pub use sessions::{From, NewSession, Session, Stage};
pub use setup::SetupState;
