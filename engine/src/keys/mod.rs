//! Encryption keys: versions, and automatic rotation.

mod changes;
pub(crate) mod rows;
pub mod scheduler;
mod versions;

use crate::custody::Custody;
use crate::vault::opened::Vault;
use domain::keys::limits::DailyLimits;

/// The room of encryption keys.
#[derive(Clone)]
pub struct Keys {
    vault: Vault,
    custody: Custody,
    daily: DailyLimits,
}

impl Keys {
    pub(crate) fn new(vault: Vault, custody: Custody, daily: DailyLimits) -> Self {
        Self { vault, custody, daily }
    }
}
