//! Encryption keys: versions, how one follows another, limits, rotation.

pub mod key_version;
pub mod limits;
pub mod rotation;
