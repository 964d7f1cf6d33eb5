//! What every room uses: the clock, randomness, secrets, errors.

pub mod clock;
pub(crate) mod email;
pub mod error;
pub mod hardening;
pub(crate) mod random;
pub mod secret;
