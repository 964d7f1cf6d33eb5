//! Automatic rotation. There is no job table: every few seconds each server searches for Active managed versions that are due,
//! and rotates them, several in one transaction. The unique pair of scope and due date guarantees that each rotation happens
//! once, with any number of servers, after downtime, and after a kill.

use crate::Error;
use crate::base::entry::{Actor, Entry};
use crate::base::error::KeysError;
use crate::changes::authority::Authorised;
use crate::keys::versions::{Planned, describe};
use crate::keys::{Keys, rows};
use crate::store::keys::{Due, DueVersion};
use crate::store::{Lock, Tx};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use domain::base::id::ScopeId;
use domain::keys::command::{RotateKey, Source};
use domain::keys::key_version::{NewVersion, managed, plan};
use domain::keys::limits::Passing;
use std::time::Duration;

/// Interval of the scheduler.
pub const EVERY: Duration = Duration::from_secs(2);
/// Maximum rotations in one transaction: a few milliseconds, because SQLite has one writer and others wait for it.
const TOGETHER: usize = 100;
/// Maximum due versions read at once.
const LOOKED_UP: usize = 100_000;

impl Keys {
    /// Rotates what is due, until nothing is. Returns the number of rotations made here.
    ///
    /// # Errors
    /// When the database fails. Completed rotations stay, and the next call finds the rest.
    pub async fn rotate_due(&self) -> Result<u32, Error> {
        self.vault.require_clock()?;
        // What is due stays due until an operator has accepted the older database.
        if self.vault.require_current().is_err() {
            return Ok(0);
        }
        // The place in the list moves past versions that failed, so that the loop ends although they stay due.
        let (mut rotated, mut last) = (0, DueVersion::default());
        loop {
            let mut due = self.vault.db().keys().due(self.vault.now(), &last, LOOKED_UP).await?;
            let Some(next) = due.last() else { return Ok(rotated) };
            last = next.clone();
            // Sorted by scope, neighbours in the indices of versions share a transaction, which then writes few pages instead
            // of one for each index and scope.
            due.sort_unstable_by_key(|version| version.scope_id);
            for some in due.chunks(TOGETHER) {
                rotated += match self.rotate_together(some).await {
                    Ok(made) => made,
                    // If every single one fails as well, the cause is the database, and the next call finds them again.
                    Err(error) => match self.rotate_one_by_one(some, error).await {
                        0 => return Ok(rotated),
                        made => made,
                    },
                };
            }
        }
    }

    /// Rotates each version alone, so that one scope that cannot rotate does not block the others. A version that fails alone
    /// is not retried now.
    async fn rotate_one_by_one(&self, due: &[DueVersion], error: Error) -> u32 {
        let failed = |one: &DueVersion, error: Error| {
            tracing::error!(version = one.id, %error, "automatic rotation failed");
        };
        if let [one] = due {
            failed(one, error);
            return 0;
        }
        let mut rotated = 0;
        for one in due {
            match self.rotate_together(std::slice::from_ref(one)).await {
                Ok(made) => rotated += made,
                Err(error) => failed(one, error),
            }
        }
        rotated
    }

    /// Rotates all of them or none. Returns the number of rotations made here; the other versions needed none any more.
    async fn rotate_together(&self, due: &[DueVersion]) -> Result<u32, Error> {
        self.vault.db().write(|tx| self.rotate_locked(tx, due)).await
    }

    async fn rotate_locked(&self, mut tx: Tx, due: &[DueVersion]) -> Result<u32, Error> {
        // A single version waits for its lock. Of several, those that are locked are left to the next search.
        if let [one] = due {
            tx.lock(Lock::Scope(ScopeId(one.scope_id))).await?;
        }
        // After the wait for the lock, because the day on which the limits count may have changed.
        let now = self.vault.now();
        let (mut proofs, mut entries) = (Vec::new(), Vec::new());
        let found = tx.keys().lock_due(due, now).await?;
        // What the row says decides type and period of its successor, so a row that does not verify has none until a person makes it.
        let genuine = rows::genuine(&self.vault, &mut tx, found.iter().map(|due| due.scope.id)).await?;
        let found: Vec<_> = found.into_iter().filter(|due| genuine.contains(&due.scope.id)).collect();
        let scopes: Vec<_> = found.iter().map(|due| due.scope.id).collect();
        // Nor has a scope whose limits somebody else wrote.
        let daily = self.daily_of(&mut tx, &scopes).await?;
        for Due { scope, version, used } in found {
            let Some(daily) = daily.get(&scope.id) else { continue };
            let (_, period) = managed(Some(version))?;
            match plan(Some(version), NewVersion::Managed { period }, used, *daily, Passing::Nothing, now) {
                Ok(plan) => {
                    let proof = Authorised::scheduled(RotateKey { scope, plan, reason: None }, now);
                    entries.push(entry(&proof, now));
                    proofs.push((proof, version.due_at));
                }
                Err(limit) => {
                    // Only the limit of customer-supplied versions never resets, and it does not apply to managed versions.
                    let until = limit
                        .resets_at()
                        .ok_or_else(|| Error::Keys(KeysError::Limit { limit: limit.clone(), now }))?;
                    // Only the server that records the deferral writes its audit event.
                    if tx.keys().defer(scope.id, version.number, until).await? {
                        let entry = Entry::refused(now, Actor::Scheduler, Action::KeyRotateDeferred);
                        let why = domain::base::words::limit_reached(&limit, now);
                        entries.push(entry.at_place(&scope).of_version(version.number).with(why));
                    }
                }
            }
        }
        let planned = proofs.iter().map(|(proof, due_at)| {
            let RotateKey { scope, plan, .. } = proof.command();
            Planned::of(proof, scope.id, *plan, &Source::Generated, *due_at)
        });
        self.make_planned(&mut tx, &planned.collect::<Vec<_>>(), now).await?;
        tx.commit_all(&entries).await?;
        Ok(u32::try_from(proofs.len()).unwrap_or(u32::MAX))
    }
}

fn entry(proof: &Authorised<RotateKey>, now: DateTime<Utc>) -> Entry {
    let RotateKey { scope, plan, .. } = proof.command();
    Entry::done(now, proof.by().clone(), Action::KeyRotateAutomatic)
        .at_place(scope)
        .of_version(plan.number)
        .with(describe(plan, &Source::Generated))
}
