//! Use of each version: counted in memory, and written to the database every few seconds. A crash loses seconds of the
//! counts; every request itself is in the journal.

use crate::Error;
use crate::base::log::or_warn;
use crate::services::Services;
use crate::store::usage::Counted;
use chrono::{DateTime, TimeDelta, Utc};
use domain::keys::rotation::day_start;
use domain::keys::view::UsageView;
use domain::scopes::scope::ScopeName;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Time after which a seen use no longer counts on the page.
pub const LOOKS_BACK: TimeDelta = TimeDelta::days(90);

/// Uses that this server has counted and not written to the database yet, by version.
#[derive(Default)]
pub struct UseCounter(Mutex<HashMap<i64, Counted>>);

impl UseCounter {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<i64, Counted>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts the ciphertexts that a version made, and those of its ciphertexts that were opened.
    pub fn count(&self, version: u32, issued: usize, seen: usize, at: DateTime<Utc>) {
        self.with(|counts| {
            let entry =
                counts.entry(i64::from(version)).or_insert(Counted { issued: 0, seen: 0, last_at: at });
            entry.issued += issued as u64;
            entry.seen += seen as u64;
            entry.last_at = entry.last_at.max(at);
        });
    }

    fn add_back(&self, counted: Vec<(i64, Counted)>) {
        self.with(|counts| {
            for (version, old) in counted {
                let entry = counts.entry(version).or_insert(Counted { issued: 0, seen: 0, ..old });
                entry.issued += old.issued;
                entry.seen += old.seen;
                entry.last_at = entry.last_at.max(old.last_at);
            }
        });
    }
}

impl Services {
    /// Returns the use of a version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope or version.
    pub async fn usage(&self, name: &ScopeName, number: u32) -> Result<UsageView, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let version = self.vault.shown(self.vault.db().keys().version(scope.id, number).await?);
        self.vault.db().usage().of(version.id, day_start(self.vault.now() - LOOKS_BACK)).await
    }

    /// Writes the counts to the database. Counts that cannot be written are added back.
    pub async fn note_uses(&self) {
        // Taken out before the write, because requests count on meanwhile and must not wait for the database.
        let mut counted: Vec<_> = self.uses.with(|counts| counts.drain().collect());
        if counted.is_empty() {
            return;
        }
        // Servers that write at the same time lock the rows in the same order, so that they cannot deadlock.
        counted.sort_unstable_by_key(|(version, _)| *version);
        let these = &counted;
        let noted = self.vault.db().write(|mut tx| async move {
            tx.usage().add(these).await?;
            tx.commit_unaudited("sums of use; each use is in the journal").await
        });
        if let Err(error) = noted.await {
            self.uses.add_back(counted);
            or_warn(Err(error), "the use counts of versions could not be saved; Keystead will retry");
        }
    }

    /// Folds sums that are older than any page looks back.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn fold_usage(&self) -> Result<(), Error> {
        let before = day_start(self.vault.now() - LOOKS_BACK);
        self.vault
            .db()
            .write(|mut tx| async move {
                // The sums go to a day in 1970, before any that a page looks back to. The number ever issued stays complete.
                tx.usage().fold(before, DateTime::UNIX_EPOCH).await?;
                tx.commit_unaudited("sums of long ago become one").await
            })
            .await
    }
}
