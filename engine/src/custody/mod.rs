//! Whoever else holds a key: the customers' KMS, the leases of what they release, their health.

pub mod aws_keys;
pub mod health;
pub mod kms;
pub mod lease;
pub(crate) mod material;
