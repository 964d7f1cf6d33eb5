//! Keys that a customer's KMS releases.

pub mod aws;
mod replace_credentials;
