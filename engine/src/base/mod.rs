//! The basis of every room: the clock, randomness, secrets, errors, lines of the audit log.

pub mod clock;
pub mod disk;
pub mod email;
pub mod entry;
pub mod error;
pub mod files;
pub mod hardening;
pub(crate) mod log;
pub(crate) mod look;
pub(crate) mod moved;
pub mod network;
pub(crate) mod random;
pub mod refused;
pub mod secret;
pub mod shares;
pub(crate) mod window;
