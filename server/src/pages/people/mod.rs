//! Set-up, sign-in, the profile.

pub mod enrol;
pub mod profile;
pub mod replacements;
pub mod setup;
pub mod sign_in;
