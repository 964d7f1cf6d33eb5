//! What each server holds, written down for the pages of all servers.

use crate::Error;
use crate::base::log::or_warn;
use crate::custody::Custody;
use crate::store::leases::Server;
use chrono::{DateTime, TimeDelta, Utc};
use domain::custody::view::{LeaseView, ServerLease};
use domain::keys::version_ref::LeaseKey;
use domain::scopes::scope::ScopeName;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use uuid::Uuid;

/// Time after which a server that is not heard of is forgotten. No material lives as long.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(2);

/// What this server has written.
pub(crate) struct Notes {
    id: Uuid,
    started_at: OnceLock<DateTime<Utc>>,
    written: Mutex<HashMap<LeaseKey, LeaseView>>,
    /// One task writes at a time.
    writing: tokio::sync::Mutex<()>,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            id: Uuid::new_v4(),
            started_at: OnceLock::new(),
            written: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }
}

impl Notes {
    fn written(&self) -> HashMap<LeaseKey, LeaseView> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the name of this machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Checks whether two views say the same. Each is computed anew from a running clock, so their times differ by moments.
fn is_same(one: &LeaseView, other: &LeaseView) -> bool {
    let near = |one: DateTime<Utc>, other: DateTime<Utc>| (one - other).abs() < TimeDelta::seconds(1);
    let held = match (&one.held, &other.held) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.released_at == other.released_at
                && near(one.refresh_at, other.refresh_at)
                && near(one.hold_until, other.hold_until)
        }
        _ => false,
    };
    held && one.trouble == other.trouble
}

impl Custody {
    /// Writes what this server holds into the database, if it has changed, and that the server is there.
    pub async fn note_leases(&self) {
        or_warn(
            self.try_note_leases().await,
            "the times of leases could not be saved for other servers' pages; Keystead will retry",
        );
    }

    async fn try_note_leases(&self) -> Result<(), Error> {
        let _alone = self.notes.writing.lock().await;
        let (now, was) = (self.vault.now(), self.notes.written());
        let held: HashMap<LeaseKey, LeaseView> = self
            .leases
            .keys()
            .into_iter()
            .map(|key| (key, self.lease_view(key)))
            .filter(|(_, lease)| lease.held.is_some() || lease.trouble.is_some())
            .collect();
        if held.is_empty() && was.is_empty() {
            return Ok(());
        }
        let changed = held.iter().filter(|(key, lease)| was.get(key).is_none_or(|was| !is_same(was, lease)));
        let mut changed: Vec<_> = changed.map(|(key, lease)| (*key, lease.clone())).collect();
        // In one order on every server, so that two that write at the same time do not wait for each other.
        changed.sort_unstable_by_key(|(key, _)| (key.scope, key.number));
        let gone: Vec<_> = was.keys().filter(|key| !held.contains_key(key)).copied().collect();
        let started_at = *self.notes.started_at.get_or_init(|| now);
        let server = &Server { id: self.notes.id, name: host(), started_at };
        let (changed, gone) = (&changed, &gone);
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.leases().seen(server, now).await?;
                let scopes: HashSet<_> = changed.iter().map(|(key, _)| key.scope).collect();
                let there: HashSet<_> = tx
                    .leases()
                    .existing(&scopes.into_iter().collect::<Vec<_>>())
                    .await?
                    .into_iter()
                    .collect();
                let changed: Vec<_> =
                    changed.iter().filter(|(key, _)| there.contains(&key.scope)).cloned().collect();
                tx.leases().put(server.id, &changed).await?;
                tx.leases().forget(server.id, gone).await?;
                tx.commit_unaudited("times of leases, for people to see; they decide nothing").await
            })
            .await?;
        *self.notes.written.lock().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }

    /// Deletes this server's row, because its material is wiped.
    pub(crate) async fn leave(&self) {
        let _alone = self.notes.writing.lock().await;
        if std::mem::take(&mut *self.notes.written.lock().unwrap_or_else(PoisonError::into_inner)).is_empty()
        {
            return;
        }
        let id = self.notes.id;
        let left = self.vault.db().write(|mut tx| async move {
            tx.leases().leave(id).await?;
            tx.commit_unaudited("a server that stopped holds nothing").await
        });
        or_warn(left.await, "this server's leases could not be taken off the pages; they end by themselves");
    }

    /// Forgets servers that have not been heard of for long.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn forget_servers(&self) -> Result<(), Error> {
        let before = self.vault.now() - FORGOTTEN_AFTER;
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.leases().forget_servers(before).await?;
                tx.commit_unaudited("servers that have gone").await
            })
            .await
    }

    /// Returns what the other servers hold of a version. A silent server whose material has ended by now is left out.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn leases_elsewhere(&self, name: &ScopeName, number: u32) -> Result<Vec<ServerLease>, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let (key, now) = (LeaseKey { scope: scope.id, number }, self.vault.now());
        let mut others = self.vault.db().leases().elsewhere(key, self.notes.id).await?;
        others.retain(|one| !one.is_silent(now) || one.lease.held.is_some_and(|held| held.hold_until > now));
        Ok(others)
    }
}
