//! What each server holds, written down for the pages of all servers.

use crate::Error;
use crate::base::log::or_warn;
use crate::custody::lease::Leases;
use crate::store::leases::Server;
use crate::vault::opened::Vault;
use chrono::{DateTime, TimeDelta, Utc};
use domain::custody::view::{LeaseView, ServerLease};
use domain::keys::version_ref::LeaseKey;
use domain::scopes::scope::ScopeName;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Time after which a server that is not heard of is forgotten. No material lives as long.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(2);

/// What this server holds, and has written of it. Clones share both.
#[derive(Clone)]
pub struct LeaseNotes {
    vault: Vault,
    leases: Arc<Leases>,
    /// The id of this run of the server.
    id: Uuid,
    started_at: Arc<OnceLock<DateTime<Utc>>>,
    /// What was written last. Whoever writes keeps it locked.
    written: Arc<Mutex<HashMap<LeaseKey, LeaseView>>>,
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

impl LeaseNotes {
    pub(super) fn new(vault: Vault, leases: Arc<Leases>) -> Self {
        Self { vault, leases, id: Uuid::new_v4(), started_at: Arc::default(), written: Arc::default() }
    }

    /// Writes what this server holds into the database, if it has changed, and that the server is there.
    pub async fn write(&self) {
        or_warn(
            self.try_write().await,
            "the times of leases could not be saved for other servers' pages; Keystead will retry",
        );
    }

    fn held(&self) -> HashMap<LeaseKey, LeaseView> {
        let (now, at) = (self.vault.steady(), self.vault.now());
        let views = self.leases.keys().into_iter().map(|key| (key, self.leases.view(key, now, at)));
        views.filter(|(_, lease)| lease.held.is_some() || lease.trouble.is_some()).collect()
    }

    async fn try_write(&self) -> Result<(), Error> {
        let mut was = self.written.lock().await;
        let (now, held) = (self.vault.now(), self.held());
        if held.is_empty() && was.is_empty() {
            return Ok(());
        }
        let changed = held.iter().filter(|(key, lease)| was.get(key).is_none_or(|was| !is_same(was, lease)));
        let mut changed: Vec<_> = changed.map(|(key, lease)| (*key, lease.clone())).collect();
        // In one order on every server, so that two that write at the same time do not wait for each other.
        changed.sort_unstable_by_key(|(key, _)| (key.scope, key.number));
        let gone: Vec<_> = was.keys().filter(|key| !held.contains_key(key)).copied().collect();
        let started_at = *self.started_at.get_or_init(|| now);
        let server = &Server { id: self.id, name: host(), started_at };
        let (changed, gone) = (&changed, &gone);
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.leases().seen(server, now).await?;
                let scopes: HashSet<_> = changed.iter().map(|(key, _)| key.scope).collect();
                let scopes = tx.leases().existing(&scopes.into_iter().collect::<Vec<_>>()).await?;
                let there = changed.iter().filter(|(key, _)| scopes.contains(&key.scope)).cloned();
                tx.leases().put(server.id, &there.collect::<Vec<_>>()).await?;
                tx.leases().forget(server.id, gone).await?;
                tx.commit_unaudited("times of leases, for people to see; they decide nothing").await
            })
            .await?;
        *was = held;
        Ok(())
    }

    /// Deletes this server's row, because its material is wiped.
    pub(crate) async fn leave(&self) {
        let mut written = self.written.lock().await;
        if std::mem::take(&mut *written).is_empty() {
            return;
        }
        let left = self.vault.db().write(|mut tx| async move {
            tx.leases().leave(self.id).await?;
            tx.commit_unaudited("a server that stopped holds nothing").await
        });
        or_warn(left.await, "this server's leases could not be taken off the pages; they end by themselves");
    }

    /// Forgets servers that have not been heard of for long.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
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
    pub async fn of_others(&self, name: &ScopeName, number: u32) -> Result<Vec<ServerLease>, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let (key, now) = (LeaseKey { scope: scope.id, number }, self.vault.now());
        let mut others = self.vault.db().leases().elsewhere(key, self.id).await?;
        others.retain(|one| !one.is_silent(now) || one.lease.held.is_some_and(|held| held.hold_until > now));
        Ok(others)
    }
}
