//! Changes: prepared, reviewed, confirmed; the proof that a confirmation makes; and the second factor that confirms.

pub mod answered;
pub mod authority;
pub mod change;
mod compared;
pub mod device;
pub mod draft;
pub mod notes;
mod past_network;
pub mod prepare;
pub mod recovery;
mod second_factor;
pub mod session;
pub mod strangers;
pub(crate) mod throttle;
pub mod totp;

use crate::vault::opened::Vault;
use compared::Compared;
use notes::Notes;
use past_network::PastNetworks;
use std::sync::Arc;
use strangers::Strangers;

/// The room of changes: changes that wait for a code, verification codes, recovery codes, and failure counters.
#[derive(Clone)]
pub struct Changes {
    vault: Vault,
    notes: Notes,
    compared: Arc<Compared>,
    past_networks: Arc<PastNetworks>,
    strangers: Strangers,
}

impl Changes {
    pub(crate) fn new(vault: Vault, notes: Notes) -> Self {
        let strangers = Strangers::new(vault.clone());
        Self { vault, notes, compared: Arc::default(), past_networks: Arc::default(), strangers }
    }

    /// Returns what strangers have tried.
    pub fn strangers(&self) -> &Strangers {
        &self.strangers
    }
}
