//! Values sealed at rest: the envelope, the keyring, the root key.

pub mod authority;
pub mod envelope;
pub(crate) mod keyring;
pub mod latest;
pub(crate) mod opened;
pub mod root_key;
pub mod root_rotation;
pub mod sealed_file;
pub(crate) mod trace;
