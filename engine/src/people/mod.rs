//! Administrators: how they come in, and what proves who they are.

pub(crate) mod notes;
pub(crate) mod password;
mod profile;
pub mod sessions;
pub mod setup;
mod sign_in;
mod users;
