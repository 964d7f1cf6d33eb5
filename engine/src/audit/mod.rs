//! Audit: the audit log of the portal, and the journal of the data plane.

pub mod journal;
pub mod log;

use crate::vault::opened::Vault;
use journal::Journal;
use std::sync::{Arc, OnceLock};

/// The room of the audit log and the journal.
#[derive(Clone)]
pub struct Audit {
    vault: Vault,
    settings: journal::Settings,
    journal: Arc<OnceLock<Journal>>,
}

impl Audit {
    pub(crate) fn new(vault: Vault, settings: journal::Settings) -> Self {
        Self { vault, settings, journal: Arc::default() }
    }
}
