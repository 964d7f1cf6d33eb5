//! Health: whether the customers' KMS still release the Active versions. Each version is probed once a minute by one of
//! the servers; what any call finds, a probe or not, is written down, and a refusal is obeyed at once.

use crate::audit::{Actor, Entry};
use crate::kms::{Failure, Kind};
use crate::lease::LeaseKey;
use crate::store::aws_keys::StoredAwsKey;
use crate::{Error, Portal};
use chrono::TimeDelta;
use domain::audit::Action;
use domain::health::{Health, HealthState};
use std::time::Duration;
use tokio::task::JoinSet;

/// How often a server looks for versions whose probe is due.
pub const EVERY: Duration = Duration::from_secs(2);
/// How many it takes at once.
const BATCH: u32 = 200;
/// Probes under way at the same time.
const AT_ONCE: usize = 32;

impl Portal {
    /// Probes the Active versions that are due, each on one server. Answers with the number of probes made here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn probe_due(&self) -> Result<u32, Error> {
        let Some(every) = self.settings().probe_every else { return Ok(0) };
        let now = self.now();
        let before = now - TimeDelta::from_std(every).unwrap_or_default();
        let mut under_way = JoinSet::new();
        let mut made = 0;
        for due in self.db().due_probes(before, BATCH).await? {
            // One server makes it: the one that moves the time on.
            let is_mine = self
                .db()
                .write(|mut tx| async move {
                    let is_mine = tx.claim_probe(due.id, due.probed_at, now).await?;
                    tx.commit_unaudited("a probe changes nothing by itself").await?;
                    Ok(is_mine)
                })
                .await?;
            if !is_mine {
                continue;
            }
            made += 1;
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let portal = self.clone();
            under_way.spawn(async move {
                let probed = portal.probe(due.key()).await;
                crate::notes::or_warn(probed, "a probe could not be made");
            });
        }
        under_way.join_all().await;
        Ok(made)
    }

    /// Asks the KMS for the key and forgets it.
    async fn probe(&self, key: LeaseKey) -> Result<(), Error> {
        let stored = self.db().aws_key(key.scope, key.number).await?;
        let heard = match self.credentials(key, &stored) {
            Ok(credentials) => self.kms().decrypt(key.scope, &stored.key, &credentials).await.map(drop),
            Err(_) => Err(Failure::refused(domain::preflight::FailureCode::SEALED)),
        };
        self.heard(key, &stored, heard).await
    }

    /// What a call besides the leases' own found: a refusal wipes the lease before anything else, a success ends the
    /// waiting, and a change of the state is written down.
    pub(crate) async fn heard(
        &self,
        key: LeaseKey,
        stored: &StoredAwsKey,
        heard: Result<(), Failure>,
    ) -> Result<(), Error> {
        match &heard {
            Ok(()) => self.leases().forgive(key),
            Err(failure) if failure.kind == Kind::Refused => {
                self.leases().refuse(key, failure.clone(), self.steady());
            }
            Err(_) => {}
        }
        self.note_health(key, stored, heard).await
    }

    /// Writes a change of the state down.
    pub(crate) async fn note_health(
        &self,
        key: LeaseKey,
        stored: &StoredAwsKey,
        heard: Result<(), Failure>,
    ) -> Result<(), Error> {
        let (state, code) = match heard {
            Ok(()) => (HealthState::Healthy, None),
            Err(Failure { kind: Kind::Refused, code }) => (HealthState::Refused, Some(code)),
            Err(Failure { kind: Kind::Unreachable, code }) => (HealthState::Unreachable, Some(code)),
        };
        let was = &stored.health;
        if (was.state, &was.code) == (state, &code) {
            return Ok(());
        }
        let now = self.now();
        let since = if was.state == state { was.since } else { now };
        let why = code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let health = &Health { state, since, code };
        let detail = format!("version {}: {} → {}{why}", key.number, was.state.word(), state.word());
        let entry =
            &Entry::done(now, Actor::Scheduler, Action::KeyHealth).at_place(&stored.place).with(detail);
        self.db()
            .write(|mut tx| async move {
                // Another server may have heard the same at this moment.
                if !tx.set_health(stored.id, was, health).await? {
                    return Ok(());
                }
                if was.state == health.state {
                    return tx.commit_unaudited("another code of the same state").await;
                }
                tx.commit(entry.clone()).await
            })
            .await
    }
}
