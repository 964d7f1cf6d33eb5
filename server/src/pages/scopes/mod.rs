//! Environments, countries, aliases.

pub mod alias;
pub mod environments;
pub mod home;
mod kind;
