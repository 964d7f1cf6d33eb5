//! Rotation by itself. No job table: every few seconds each server looks for Active managed
//! versions that are due and rotates each in a transaction of its own. The unique pair of scope
//! and due date makes "once" true with any number of servers, after downtime, through a kill.

use crate::audit::{Actor, Entry};
use crate::authority::Authorised;
use crate::keys::{Wanted, describe};
use crate::store::keys::{Due, as_active};
use crate::store::{Lock, Tx};
use crate::{Error, Portal};
use chrono::{DateTime, Utc};
use domain::audit::Action;
use domain::command::{RotateKey, ScopeRef, Source};
use domain::key_version::{NewVersion, Plan, is_due, managed, plan};
use domain::scope::{Country, ScopeName, Slug};
use std::time::Duration;

/// How often a server looks.
pub const EVERY: Duration = Duration::from_secs(5);
/// How many it takes at once; it looks again immediately when there were so many.
const BATCH: u32 = 100;

impl Portal {
    /// Rotates what is due, until nothing is. Answers with the number of rotations made here.
    ///
    /// # Errors
    /// When the database fails; what was rotated stays rotated, the rest is found again.
    pub async fn rotate_due(&self) -> Result<u32, Error> {
        self.require_clock()?;
        let mut rotated = 0;
        loop {
            let due = self.db().due(self.now(), BATCH).await?;
            let mut failed = 0;
            for scope in &due {
                match self.rotate_one(scope).await {
                    Ok(made) => rotated += u32::from(made),
                    // One scope that cannot rotate must not keep the others waiting.
                    Err(error) => {
                        failed += 1;
                        tracing::error!(scope = %scope.scope(), %error, "automatic rotation failed");
                    }
                }
            }
            if due.len() < BATCH as usize || failed == due.len() {
                return Ok(rotated);
            }
        }
    }

    /// True when this server made the version, false when there was nothing left to do.
    async fn rotate_one(&self, due: &Due) -> Result<bool, Error> {
        let corrupt = |column| crate::store::corrupt("scope", column, due.scope());
        let name = ScopeName {
            environment: Slug::try_from(due.slug.clone()).map_err(|_| corrupt("slug"))?,
            country: Country::from_code(&due.country).map_err(|_| corrupt("country"))?,
        };
        let scope = &ScopeRef { id: due.scope(), name };
        self.db().write(|tx| self.rotate_locked(tx, scope)).await
    }

    async fn rotate_locked(&self, mut tx: Tx, scope: &ScopeRef) -> Result<bool, Error> {
        tx.lock(Lock::Scope(scope.id)).await?;
        let now = self.now();
        let active = tx.active_version(scope.id).await?.map(|row| as_active(&row));
        let Some(version) = active.filter(|version| is_due(*version, now)) else { return Ok(false) };
        let (_, period) = managed(Some(version))?;
        let new = NewVersion::Managed { period };
        let used = tx.usage(scope.id, new.key_type(), now).await?;
        match plan(Some(version), new, used, self.settings().daily, now) {
            Ok(plan) => {
                let ask = Authorised::scheduled(RotateKey { scope: scope.clone(), plan }, now);
                let rotated_for_due = version.due_at;
                let wanted = Wanted { new, source: &Source::Generated, shown: None, rotated_for_due };
                let made = self.make_version(&mut tx, &ask.command().scope, wanted, &ask).await?;
                tx.commit(entry(&ask, now, &made)).await?;
                Ok(true)
            }
            Err(limit) => {
                let until = limit.resets_at().ok_or_else(|| Error::Limit { limit: limit.clone(), now })?;
                if tx.defer(scope.id, version.number, until).await? {
                    let entry = Entry::refused(now, Actor::Scheduler, Action::KeyRotateDeferred);
                    tx.commit(entry.at_place(&scope.name).with(domain::words::limit_reached(&limit, now)))
                        .await?;
                }
                Ok(false)
            }
        }
    }
}

fn entry(ask: &Authorised<RotateKey>, now: DateTime<Utc>, made: &Plan) -> Entry {
    Entry::done(now, ask.by().clone(), Action::KeyRotateAutomatic)
        .at_place(&ask.command().scope.name)
        .with(describe(made, &Source::Generated))
}
