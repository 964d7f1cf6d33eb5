//! The vendor's services: their API keys, and the use that they make of each version.

pub(crate) mod api_keys;
mod changes;
pub(crate) mod usage;

use crate::changes::notes::Notes;
use crate::vault::opened::Vault;
use std::sync::Arc;
use usage::UseCounter;

/// The room of services.
#[derive(Clone)]
pub struct Services {
    vault: Vault,
    notes: Notes,
    uses: Arc<UseCounter>,
}

impl Services {
    pub(crate) fn new(vault: Vault, notes: Notes) -> Self {
        Self { vault, notes, uses: Arc::default() }
    }

    /// Returns the counter in which the data plane counts uses.
    pub(crate) fn uses(&self) -> Arc<UseCounter> {
        Arc::clone(&self.uses)
    }
}
