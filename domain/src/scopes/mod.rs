//! Environments, countries, aliases.

pub mod alias;
pub mod command;
pub mod country_list;
pub mod country_names;
mod country_table;
pub mod scope;
