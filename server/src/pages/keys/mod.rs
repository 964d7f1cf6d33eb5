//! Encryption keys.

pub mod add;
mod edit;
mod limits;
pub mod period;
mod rotate;
pub mod versions;
