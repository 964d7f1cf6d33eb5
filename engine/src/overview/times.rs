//! Times of the future. A clock that was ahead for a while leaves them in rows, and each such row is wrong until that time comes: a
//! key does not rotate, a limit counts it every day, a block lasts. They are counted, shown, and corrected by a command on the host.

use super::Overview;
use crate::Error;
use crate::base::entry::{Actor, Entry};
use crate::base::error::VaultError;
use crate::vault::opened::AHEAD;
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use domain::base::words;
use std::sync::atomic::Ordering;

/// Maximum number of rows that are corrected in one transaction.
const TOGETHER: usize = 100;

/// The tables with rows of the future, each with their number.
pub type Ahead = Vec<(&'static str, i64)>;

/// What was corrected.
#[derive(Debug, Default)]
pub struct Corrected {
    pub rows: Ahead,
    /// Names of rows that do not verify; they stay as they are.
    pub left: Vec<String>,
}

/// Describes rows: "2 rows of key_version, 1 row of api_key".
pub fn describe(rows: &Ahead) -> String {
    let one = |(table, rows): &(&str, i64)| {
        let rows = u32::try_from(*rows).unwrap_or(u32::MAX);
        format!("{} of {table}", words::count(rows, "row", "rows"))
    };
    rows.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Overview {
    fn limit(&self) -> DateTime<Utc> {
        self.vault.now() + AHEAD
    }

    /// Counts rows of the future, and logs when there are others than before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_ahead(&self) -> Result<(), Error> {
        let limit = self.limit();
        // Counting reads whole tables, so it waits for a line of the future that was not there the last time that nothing was found.
        let newest = self.vault.db().stamps().newest_after(limit).await?;
        if newest.is_none_or(|newest| newest <= self.clear_through.load(Ordering::Relaxed)) {
            self.ahead.store(0, Ordering::Relaxed);
            return Ok(());
        }
        let found = self.ahead().await?;
        if let (true, Some(newest)) = (found.is_empty(), newest) {
            self.clear_through.store(newest, Ordering::Relaxed);
        }
        let rows: i64 = found.iter().map(|(_, rows)| rows).sum();
        if self.ahead.swap(rows, Ordering::Relaxed) != rows && rows > 0 {
            tracing::error!(
                rows = describe(&found),
                "rows carry times of the future: a server's clock was ahead, or this one's is behind; run `keystead doctor`"
            );
        }
        Ok(())
    }

    /// Counts the rows of each table that carry a time of the future.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ahead(&self) -> Result<Ahead, Error> {
        self.vault.db().stamps().after(self.limit()).await
    }

    /// Sets every time of the future to now. Sessions and counters of the future end. The lines of the audit log and of the journal
    /// stay as they are.
    ///
    /// # Errors
    /// When the database fails, or this host's clock differs from the database's.
    pub async fn correct_times(&self) -> Result<Corrected, Error> {
        self.vault.require_clock()?;
        let (limit, now) = (self.limit(), self.vault.now());
        let rows = self.ahead().await?;
        let mut left = Vec::new();
        // A part at a time, because others wait for the locks; what was done stays when a later part fails.
        for some in self.vault.db().stamps().signed_after(limit).await?.chunks(TOGETHER) {
            let part = self.vault.db().write(|mut tx| async move {
                let mut left = Vec::new();
                for row in some {
                    match self.vault.hold(&mut tx, row.clone()).await {
                        Ok(held) => {
                            tx.stamps().correct(row, limit, now).await?;
                            self.vault.sign(&mut tx, held).await?;
                        }
                        Err(Error::Vault(VaultError::Unproved(name))) => left.push(name),
                        // It was removed meanwhile.
                        Err(Error::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
                tx.commit_unaudited(
                    "times of the future are corrected; the event follows with the last part",
                )
                .await?;
                Ok(left)
            });
            left.extend(part.await?);
        }
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.stamps().correct_rest(limit, now).await?;
                tx.commit_unaudited("sessions and counters of the future end; the event follows").await
            })
            .await?;
        // What does not verify is as it was.
        let still = self.ahead().await?;
        let left_of =
            |table: &str| still.iter().find(|(name, _)| *name == table).map_or(0, |(_, rows)| *rows);
        let corrected = rows.iter().map(|(table, rows)| (*table, rows - left_of(table)));
        let rows: Ahead = corrected.filter(|(_, rows)| *rows > 0).collect();
        let told = &rows;
        self.vault
            .db()
            .write(|tx| async move {
                let entry = Entry::done(now, Actor::Host, Action::TimesCorrect);
                tx.commit(entry.with(describe(told))).await
            })
            .await?;
        self.vault.moved().raise();
        Ok(Corrected { rows, left })
    }
}
