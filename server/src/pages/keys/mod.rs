//! Encryption keys.

pub mod add;
mod edit;
pub mod period;
mod rotate;
pub mod versions;
