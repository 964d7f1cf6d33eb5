//! Encryption keys: versions, and automatic rotation.

mod changes;
mod limits;
pub(crate) mod rows;
pub mod scheduler;
mod versions;

use crate::custody::Custody;
use crate::vault::opened::Vault;
use domain::keys::limits::{DailyLimits, OwnLimits};

/// The room of encryption keys.
#[derive(Clone)]
pub struct Keys {
    vault: Vault,
    custody: Custody,
    /// The server's settings. What holds in a scope also depends on its environment: [`Keys::daily`].
    server: DailyLimits,
}

impl Keys {
    pub(crate) fn new(vault: Vault, custody: Custody, server: DailyLimits) -> Self {
        Self { vault, custody, server }
    }

    /// Returns the daily limits that hold in an environment with these numbers of its own. Every planner reads them here.
    fn daily(&self, own: OwnLimits) -> DailyLimits {
        self.server.with(own)
    }
}
