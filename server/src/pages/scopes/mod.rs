//! Environments, countries, aliases.

pub mod alias;
pub mod environments;
mod kind;
