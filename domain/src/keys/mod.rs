//! Encryption keys: versions, limits, rotation.

pub mod command;
pub mod key_type;
pub mod key_version;
pub mod limits;
pub mod reason;
pub mod rotation;
pub mod timeline;
pub mod usage;
pub mod version_ref;
pub mod view;
