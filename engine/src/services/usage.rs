//! Use of each version, by API key, and of each previous tenant secret: counted in memory, and written to the database every few seconds. A crash loses seconds of the
//! counts; every request itself is in the journal.

use crate::Error;
use crate::base::log::or_warn;
use crate::services::Services;
use crate::store::usage::Counted;
use crate::vault::opened::Vault;
use chrono::{DateTime, Utc};
use domain::data::view::PreviousUses;
use domain::keys::rotation::day_start;
use domain::keys::usage::{LateUse, since};
use domain::keys::view::UsageView;
use domain::scopes::scope::ScopeName;
use domain::services::api_key::ApiKeyId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Sums that this server has not written to the database yet, by what was used.
struct Sums<K>(Mutex<HashMap<K, Counted>>);

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash + Ord> Sums<K> {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<K, Counted>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, counted: impl IntoIterator<Item = (K, Counted)>) {
        self.with(|counts| {
            for (used, new) in counted {
                let entry = counts.entry(used).or_insert(Counted { issued: 0, seen: 0, ..new });
                entry.issued += new.issued;
                entry.seen += new.seen;
                entry.first_at = entry.first_at.min(new.first_at);
                entry.last_at = entry.last_at.max(new.last_at);
            }
        });
    }

    /// Takes everything out, in the order of what was used. Servers that write at the same time lock the rows in the same order, so
    /// that they cannot deadlock.
    fn take(&self) -> Vec<(K, Counted)> {
        let mut counted: Vec<_> = self.with(|counts| counts.drain().collect());
        counted.sort_unstable_by_key(|(used, _)| *used);
        counted
    }
}

/// Uses that this server has counted and not written to the database yet.
#[derive(Default)]
pub struct UseCounter {
    /// By the id of the version and the API key that used it.
    versions: Sums<(i64, ApiKeyId)>,
    /// Keys derived from previous tenant secrets that Keystead handed out, by the id of the secret.
    secrets: Sums<i64>,
}

impl UseCounter {
    /// Counts the ciphertexts that a version made for an API key, and those of its ciphertexts that were opened.
    pub fn count(&self, version: u32, key: ApiKeyId, issued: usize, seen: usize, at: DateTime<Utc>) {
        let new = Counted { issued: issued as u64, seen: seen as u64, first_at: at, last_at: at };
        self.versions.add([((i64::from(version), key), new)]);
    }

    /// Counts one key for each of these previous tenant secrets.
    pub fn count_secrets(&self, secrets: impl IntoIterator<Item = u32>, at: DateTime<Utc>) {
        let one = Counted { issued: 1, seen: 0, first_at: at, last_at: at };
        self.secrets.add(secrets.into_iter().map(|secret| (i64::from(secret), one)));
    }

    /// Writes the counts to the database. Counts that cannot be written are added back.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn save(&self, vault: &Vault) -> Result<(), Error> {
        // Taken out before the write, because requests count on meanwhile and must not wait for the database.
        let (versions, secrets) = (self.versions.take(), self.secrets.take());
        if versions.is_empty() && secrets.is_empty() {
            return Ok(());
        }
        let (of_versions, of_secrets) = (&versions, &secrets);
        let saved = vault.db().write(|mut tx| async move {
            tx.usage().add(of_versions).await?;
            tx.usage().add_secrets(of_secrets).await?;
            tx.commit_unaudited("sums of use; each use is in the journal").await
        });
        let saved = saved.await;
        if saved.is_err() {
            self.versions.add(versions);
            self.secrets.add(secrets);
        }
        saved
    }
}

impl Services {
    /// Returns the use of a version: the sums, and those of the last days by API key.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope or version.
    pub async fn usage(&self, name: &ScopeName, number: u32) -> Result<(UsageView, LateUse), Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let version = self.vault.shown(self.vault.db().keys().version(scope.id, number).await?);
        let now = self.vault.now();
        let sums = self.vault.db().usage().of(&[version.id], since(now)).await?.remove(&version.id);
        let late = self.vault.db().usage().by_key(version.id, since(now)).await?;
        Ok((sums.unwrap_or_default(), LateUse::of(now.date_naive(), late)))
    }

    /// Writes the counts of this server to the database.
    pub async fn note_uses(&self) {
        or_warn(
            self.uses.save(&self.vault).await,
            "the use counts of versions and tenant secrets could not be saved; Keystead will retry",
        );
    }

    /// Folds sums that are older than any page looks back.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn fold_usage(&self) -> Result<(), Error> {
        let before = since(self.vault.now());
        let before_secrets = day_start(self.vault.now() - PreviousUses::LOOKS_BACK);
        self.vault
            .db()
            .write(|mut tx| async move {
                // The sums go to a day in 1970, before any that a page looks back to. The number ever issued stays complete.
                tx.usage().fold(before, DateTime::UNIX_EPOCH).await?;
                tx.usage().forget_secrets(before_secrets).await?;
                tx.commit_unaudited("sums of long ago become one").await
            })
            .await
    }
}
