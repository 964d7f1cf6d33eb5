//! Set-up, sign-in, the profile.

pub mod authenticator;
pub mod password;
pub mod profile;
pub mod recovery_codes;
pub mod replacement;
pub mod setup;
pub mod sign_in;
