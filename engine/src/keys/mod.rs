//! Encryption keys: versions, and rotation by itself.

pub mod scheduler;
mod versions;
