//! Encryption keys.

pub mod add;
pub mod rotate_and_edit;
pub mod versions;
