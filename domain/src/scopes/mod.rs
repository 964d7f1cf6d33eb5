//! Environments, countries, aliases.

pub mod alias;
pub mod command;
mod country_table;
pub mod scope;
