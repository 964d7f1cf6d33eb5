//! Environments, countries, aliases.

pub mod alias;
pub mod countries;
pub mod country_name;
pub mod environment;
pub mod environments;
pub mod kind;
pub mod removal;
pub mod renaming;
