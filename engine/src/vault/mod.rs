//! What is sealed at rest: the envelope, and the root key.

pub mod envelope;
pub mod root_key;
pub mod root_rotation;
