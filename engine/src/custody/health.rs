//! Health: whether the customers' KMS still release the Active versions. One of the servers probes each version once a minute.
//! Keystead records the result of a call, probe or not (an outage only from probes and checks), and obeys a refusal at once.

use crate::Error;
use crate::base::entry::{Actor, Entry, Place};
use crate::base::error::StoreError;
use crate::custody::Custody;
use crate::custody::kms::{Failure, FailureKind, For};
use crate::store::holders::StoredHolder;
use crate::vault::opened::AHEAD;
use chrono::TimeDelta;
use domain::audit::event::Action;
use domain::custody::health::{Health, HealthState};
use domain::custody::preflight::FailureCode;
use domain::keys::version_ref::LeaseKey;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Interval of the search for versions whose probe is due.
pub const EVERY: Duration = Duration::from_secs(2);
/// Maximum versions per search.
const BATCH: u32 = 200;
/// Maximum probes under way at the same time.
const AT_ONCE: usize = 32;
/// Number of consecutive probes that fail to reach KMS before Keystead shows an outage.
const SHOWN_AFTER: u32 = 2;
/// Maximum attempts to write a state while others write it.
const TRIES: usize = 8;

/// The number of consecutive probes of this server that could not reach KMS, for each version.
#[derive(Default)]
pub(crate) struct Probes(Mutex<HashMap<LeaseKey, u32>>);

impl Probes {
    fn failures(&self) -> MutexGuard<'_, HashMap<LeaseKey, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed_last(&self, key: LeaseKey) -> bool {
        self.failures().contains_key(&key)
    }

    /// Counts an unreachable KMS, and checks whether the result is recorded. One failed call is not an outage yet, and one
    /// server's network path says nothing about that of the others.
    fn is_shown(&self, key: LeaseKey, heard: &Result<(), Failure>) -> bool {
        match heard {
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                let mut all = self.failures();
                let failures = all.entry(key).or_default();
                *failures += 1;
                *failures >= SHOWN_AFTER
            }
            _ => {
                self.failures().remove(&key);
                true
            }
        }
    }
}

impl Custody {
    /// Probes the Active versions that are due, each on one server. Returns the number of probes made here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn probe_due(&self) -> Result<u32, Error> {
        let Some(every) = self.probe_every else { return Ok(0) };
        let now = self.vault.now();
        let before = now - TimeDelta::from_std(every).unwrap_or_default();
        let mut under_way = JoinSet::new();
        let mut made = 0;
        let late = before - TimeDelta::from_std(every / 2).unwrap_or_default();
        for due in self.vault.db().holders().due_probes(before, late, now + AHEAD, BATCH).await? {
            // A server that could not reach this KMS last time leaves the probe to the other servers until it is late.
            if !due.is_late && self.probes.failed_last(due.key()) {
                continue;
            }
            let (id, due) = (due.id, due.key());
            // The server that advances the time of the probe makes it.
            let claimed = self
                .vault
                .db()
                .write(|mut tx| async move {
                    let is_mine = tx.holders().claim_probe(id, before, now, now + AHEAD).await?;
                    tx.commit_unaudited("a probe changes nothing by itself").await?;
                    Ok(is_mine)
                })
                .await;
            // A failure with one row must not affect the others.
            let is_mine = claimed.unwrap_or_else(|error| {
                tracing::error!(%error, "a health probe could not be claimed; it will be retried");
                false
            });
            if !is_mine {
                continue;
            }
            made += 1;
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let portal = self.clone();
            under_way.spawn(async move {
                let probed = portal.probe(due, For::Use).await;
                crate::base::log::or_warn(probed, "a health probe failed to run");
            });
        }
        under_way.join_all().await;
        Ok(made)
    }

    /// Requests the data key from the KMS and drops it.
    pub(crate) async fn probe(&self, key: LeaseKey, who: For) -> Result<(), Error> {
        let stored = match self.vault.db().holders().get(key.scope, key.number).await {
            Ok(stored) => stored,
            Err(error @ Error::Store(StoreError::Corrupt { .. })) => {
                self.note_unreadable(key).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let heard = match self.credentials(key, &stored) {
            Ok(credentials) => self.ask(key, &stored, &credentials, who).await.heard(),
            Err(_) => self.refuse_sealed(key, &stored),
        };
        if self.probes.is_shown(key, &heard) { self.note_health(key, &stored, heard).await } else { Ok(()) }
    }

    /// Treats a version whose row cannot be read like one whose secret does not open: as damaged.
    pub(crate) async fn note_unreadable(&self, key: LeaseKey) -> Result<(), Error> {
        let failure = Failure::refused(FailureCode::SEALED);
        // The revision of the credentials cannot be read, so the refusal holds for every revision.
        self.leases.refuse(key, i64::MAX, failure, self.vault.steady());
        let now = self.vault.now();
        self.vault
            .db()
            .write(|mut tx| async move {
                let Some(was) = tx.holders().set_unreadable(key, now).await? else { return Ok(()) };
                // `set_unreadable` has raised the count of refusals all the same, so the other servers wipe their material.
                if was.health == HealthState::Damaged.word() {
                    return tx.commit_unaudited("a row that cannot be read was found again").await;
                }
                let detail = format!(
                    "version {}: {} → {} ({})",
                    key.number,
                    was.health,
                    HealthState::Damaged.word(),
                    FailureCode::SEALED
                );
                let entry = Entry::done(now, Actor::Scheduler, Action::KeyHealth);
                let entry = entry.at_place(Place::scope(&was.place, key.scope)).of_version(key.number);
                tx.commit(entry.with(detail)).await
            })
            .await
    }

    /// Applies the result of a call to this server's lease. A refusal wipes the lease before anything is recorded, and a success
    /// ends the wait for a retry. A late reply to credentials that have been replaced says nothing about the new ones.
    pub(crate) fn apply(&self, key: LeaseKey, revision: i64, heard: &Result<(), Failure>) {
        match heard {
            Ok(()) => self.leases.forgive(key, revision),
            Err(failure) if failure.kind == FailureKind::Refused => {
                self.leases.refuse(key, revision, failure.clone(), self.vault.steady());
            }
            // An outage leaves the lease alone, because material bridges it until the hold time.
            Err(_) => {}
        }
    }

    /// Wipes the material of a version whose credentials do not open. KMS is not called.
    pub(crate) fn refuse_sealed(&self, key: LeaseKey, stored: &StoredHolder) -> Result<(), Failure> {
        let heard = Err(Failure::refused(FailureCode::SEALED));
        self.apply(key, stored.revision, &heard);
        heard
    }

    /// Records the result of a call that has been applied, when it changes the state. A refusal is recorded each time, because another server may hold material that was
    /// released between two refusals.
    pub(crate) async fn note_health(
        &self,
        key: LeaseKey,
        stored: &StoredHolder,
        heard: Result<(), Failure>,
    ) -> Result<(), Error> {
        let (state, code) = match heard {
            Ok(()) => (HealthState::Healthy, None),
            Err(Failure { kind: FailureKind::Refused, code }) if code == FailureCode::SEALED => {
                (HealthState::Damaged, Some(code))
            }
            Err(Failure { kind: FailureKind::Refused, code }) => (HealthState::Refused, Some(code)),
            Err(Failure { kind: FailureKind::Unreachable, code }) => (HealthState::Unreachable, Some(code)),
        };
        // A full queue on this server says nothing about the customer's KMS.
        if code == Some(FailureCode::BUSY) {
            return Ok(());
        }
        let is_refused = state.is_refused();
        let mut was = stored.health.clone();
        for _ in 0..TRIES {
            if !is_refused && (was.state, &was.code) == (state, &code) {
                return Ok(());
            }
            let since = if was.state == state { was.since } else { self.vault.now() };
            if self.write_health(key, stored, &was, &Health { state, since, code: code.clone() }).await? {
                return Ok(());
            }
            // Another server wrote first.
            let now = self.vault.db().holders().get(key.scope, key.number).await?;
            // The wait that the old credentials caused must not delay the new ones.
            if now.secret != stored.secret {
                self.leases.forgive(key, now.revision);
                return Ok(());
            }
            // A refusal that another server has recorded wins over whatever this one heard at the same time.
            if now.health.state.is_refused() && !is_refused {
                return Ok(());
            }
            was = now.health;
        }
        Err(Error::Fault("the health of a version could not be saved: other servers kept changing it".into()))
    }

    /// Records a state. Returns false when another server did so in the meantime, or the credentials were replaced.
    async fn write_health(
        &self,
        key: LeaseKey,
        stored: &StoredHolder,
        was: &Health,
        to: &Health,
    ) -> Result<bool, Error> {
        let why = to.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let detail = format!("version {}: {} → {}{why}", key.number, was.state.word(), to.state.word());
        let entry = Entry::done(self.vault.now(), Actor::Scheduler, Action::KeyHealth);
        let entry =
            &entry.at_place(Place::scope(&stored.place, key.scope)).of_version(key.number).with(detail);
        self.vault
            .db()
            .write(|mut tx| async move {
                if !tx.holders().set_health(stored, was, to).await? {
                    return Ok(false);
                }
                match was.state == to.state {
                    true => tx.commit_unaudited("the same state heard again").await?,
                    false => tx.commit(entry.clone()).await?,
                }
                Ok(true)
            })
            .await
    }
}
