//! Set-up, sign-in, the profile.

mod change_password;
mod current_password;
mod end_sessions;
pub mod enrol;
pub mod profile;
pub mod recovery_codes;
mod replace_authenticator;
pub mod session;
pub mod setup;
pub mod sign_in;
