//! Environments, countries, aliases.

mod aliases;
mod environments;
