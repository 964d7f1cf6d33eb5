//! Environments, countries, aliases.

mod aliases;
mod changes;
mod environments;
mod kind;

use crate::vault::opened::Vault;

/// The room of environments, countries and aliases.
#[derive(Clone)]
pub struct Scopes {
    vault: Vault,
}

impl Scopes {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault }
    }
}
