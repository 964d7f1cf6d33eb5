//! Custody: the customers' KMS, the leases of the material that they release, and their health.

mod again;
pub mod aws_keys;
pub(crate) mod changes;
pub mod health;
pub mod kms;
pub mod lease;
mod lease_notes;
mod managed;
pub(crate) mod material;
mod same_key;

use crate::vault::opened::Vault;
use aws_keys::Preflights;
use health::Probes;
use kms::Kms;
use lease::Leases;
pub use lease_notes::LeaseNotes;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Settings of custody that the operator may change.
#[derive(Clone, Debug)]
pub struct Settings {
    pub kms: kms::Settings,
    pub leases: lease::Times,
    /// Interval between two probes of an Active version; `None`: it is never probed.
    pub probe_every: Option<Duration>,
    /// Number of checks against a customer's KMS that a person may make in a minute, and at once.
    pub preflights_each_minute: NonZeroU32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kms: kms::Settings::default(),
            leases: lease::Times::default(),
            probe_every: Some(Duration::from_secs(60)),
            preflights_each_minute: NonZeroU32::new(10).expect("not zero"),
        }
    }
}

/// The room of key custody, by Keystead itself and by the customers' KMS.
#[derive(Clone)]
pub struct Custody {
    vault: Vault,
    kms: Arc<Kms>,
    leases: Arc<Leases>,
    preflights: Arc<Preflights>,
    probes: Arc<Probes>,
    notes: LeaseNotes,
    probe_every: Option<Duration>,
}

impl Custody {
    pub(crate) fn new(vault: Vault, settings: &Settings) -> Self {
        let leases = Arc::new(Leases::new(settings.leases));
        Self {
            notes: LeaseNotes::new(vault.clone(), Arc::clone(&leases)),
            vault,
            kms: Arc::new(Kms::new(&settings.kms)),
            leases,
            preflights: Arc::new(Preflights::new(settings.preflights_each_minute)),
            probes: Arc::default(),
            probe_every: settings.probe_every,
        }
    }

    /// Returns what this server and the others hold, as they wrote it down.
    pub fn notes(&self) -> &LeaseNotes {
        &self.notes
    }

    /// Wipes the material in memory.
    pub(crate) fn clear(&self) {
        self.leases.clear();
    }
}
