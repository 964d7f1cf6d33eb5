//! Environments, countries, aliases.

pub mod alias;
mod country_table;
pub mod scope;
