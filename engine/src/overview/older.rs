//! A database that is older than it was: restored, copied without its log, or a replica that had not caught up. New versions would
//! then get the numbers of lost ones, so none is made until an operator accepts the database as it is.

use super::Overview;
use super::backup::Manifest;
use crate::Error;
use crate::audit::journal::verify;
use crate::base::entry::{Actor, Entry};
use crate::store::authority::RowRef;
use crate::store::{Db, Lock, Tx};
use crate::vault::opened::Vault;
use crate::vault::trace::{self, Moment, Seen};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use domain::scopes::scope::ScopeName;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// A data folder, and the state that its trace proves.
pub(crate) struct Traced {
    folder: PathBuf,
    moment: Mutex<Option<Moment>>,
}

impl Traced {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The highest numbers of versions that something outside the database knows of.
pub type Numbers = BTreeMap<ScopeName, u32>;

impl Overview {
    /// Compares the database with the traces in a server's data folder, and leaves its own there from now on. It must come before
    /// the journal is opened, which registers the runs that the database lacks. A trace that cannot be read proves nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look_back(&self, folder: &Path) -> Result<(), Error> {
        if let Some((once, now, why)) = self.lost(folder).await? {
            self.vault.is_older(once, now, why).await;
        }
        let _ = self.folder.set(Traced { folder: folder.to_owned(), moment: Mutex::default() });
        Ok(())
    }

    /// Compares the database with the trace in a data folder. Returns the state that it does not have, its present state, and the
    /// difference in words.
    async fn lost(&self, folder: &Path) -> Result<Option<(Moment, Moment, String)>, Error> {
        // The trace first: a server that runs beside writes the database first, and the trace afterwards.
        let trace = match self.vault.trace(folder) {
            Ok(trace) => trace,
            Err(error) => {
                tracing::error!(%error, "the trace in the data folder could not be read");
                None
            }
        };
        let epoch = self.vault.db().audit().data_epoch().await?;
        self.vault.look(epoch);
        let now = Moment::from(epoch);
        let Some(Seen { moment: once, at }) = trace else { return self.lost_run(folder, now).await };
        let difference = if now < once {
            format!(
                "line {} of the audit log was seen; the database ends at line {}",
                once.sequence, now.sequence
            )
        } else if now.timeline == once.timeline
            && at.is_some()
            && whole_micros(self.vault.db().audit().line_at(once.sequence).await?) != whole_micros(at)
        {
            format!("line {} of the audit log is not the line that was seen", once.sequence)
        } else {
            return self.lost_run(folder, now).await;
        };
        Ok(Some((once, now, difference)))
    }

    /// Finds a run of the journal that left files in a data folder and is not in the database.
    async fn lost_run(&self, folder: &Path, now: Moment) -> Result<Option<(Moment, Moment, String)>, Error> {
        let unknown = self.unknown_runs(folder).await?;
        let lost = |run: Uuid| {
            let why = format!("the journal has a run that the database lacks: {run}");
            (Moment { sequence: i64::MAX, ..now }, now, why)
        };
        Ok(unknown.into_iter().next().map(lost))
    }

    async fn unknown_runs(&self, folder: &Path) -> Result<BTreeSet<Uuid>, Error> {
        let mut runs = match verify::files(&folder.join("journal"), self.vault.keyring()).await {
            Ok((_, runs)) => runs,
            Err(error) => {
                tracing::error!(%error, "the journal's folder could not be compared with the database");
                return Ok(BTreeSet::new());
            }
        };
        for known in self.vault.db().journal().runs().await? {
            runs.remove(&known.id);
        }
        Ok(runs)
    }

    /// Leaves a trace of the database's present state in the data folder, unless the database is older than it was. Then it
    /// records that, if it is not recorded yet.
    ///
    /// # Errors
    /// When the trace cannot be written, or the database fails.
    pub async fn leave_trace(&self) -> Result<(), Error> {
        let Some(traced) = self.folder.get() else { return Ok(()) };
        if self.vault.require_current().is_err() {
            return self.vault.record_older().await;
        }
        let moment = self.vault.seen();
        if *traced.moment.lock().unwrap_or_else(PoisonError::into_inner) == Some(moment) {
            return Ok(());
        }
        let at = self.vault.db().audit().line_at(moment.sequence).await?;
        let (vault, folder) = (self.vault.clone(), traced.folder.clone());
        let left = tokio::task::spawn_blocking(move || {
            trace::write(&folder, vault.keyring(), vault.instance(), Seen { moment, at })
        })
        .await;
        left.map_err(|error| Error::Fault(format!("the trace was not written: {error}")))??;
        *traced.moment.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
        Ok(())
    }

    /// Returns what the trace in a data folder proves and the database does not have, in words.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lost_since(&self, folder: &Path) -> Result<Option<String>, Error> {
        Ok(self.lost(folder).await?.map(|(_, _, why)| why))
    }

    /// Returns the highest numbers that the journal in the database knows of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn numbers_in_journal(&self) -> Result<Numbers, Error> {
        let rows = verify::rows(self.vault.db(), self.vault.keyring()).await?;
        Ok(rows.numbers().collect())
    }

    /// Returns the highest numbers that a data folder knows of: the files of its journal that are not in a database yet, and its
    /// SQLite database, if there is one and it can be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn numbers_in_folder(&self, folder: &Path) -> Result<Numbers, Error> {
        let (files, _) = verify::files(&folder.join("journal"), self.vault.keyring()).await?;
        for damage in &files.damaged {
            tracing::warn!(
                damage,
                "a part of the journal cannot be read, so versions may have been used that are not known"
            );
        }
        let mut numbers = files.numbers().collect();
        let file = folder.join("keystead.db");
        if file.exists() && self.vault.db().is_other_than(&file).await {
            match numbers_in_database(&file).await {
                Ok(known) => keep_highest(&mut numbers, known),
                Err(error) => {
                    tracing::warn!(%error, "the old database cannot be read, so versions may have been made that are not known");
                }
            }
        }
        Ok(numbers)
    }

    /// Records that a restore is complete. The next version of each scope gets a number above those that are known. What the trace
    /// in the data folder proves and the backup does not have makes the database an older one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn restored(
        &self,
        manifest: &Manifest,
        numbers: Numbers,
        folder: Option<&Path>,
    ) -> Result<Raised, Error> {
        let lost = match folder {
            Some(folder) => self.lost_since(folder).await?,
            None => None,
        };
        let (now, numbers, lost) = (self.vault.now(), &numbers, lost.as_deref());
        let recorded = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Instance).await?;
            let raised = raise(&self.vault, &mut tx, numbers).await?;
            // The snapshot was taken before the backup was recorded.
            tx.instance().set_restored(manifest.made_at, lost, now).await?;
            let made = domain::base::words::moment(manifest.made_at);
            let detail = format!("the backup of {made}, {} rows; {}", manifest.rows(), left_out(&raised));
            tx.commit(Entry::done(now, Actor::Host, Action::BackupRestore).with(detail)).await?;
            Ok(raised)
        });
        let raised = recorded.await?;
        self.vault.look(self.vault.db().audit().data_epoch().await?);
        Ok(Raised { older_than: lost.map(str::to_owned), ..raised })
    }

    /// Accepts the database as it is. The next version of each scope gets a number above those that are known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accept_older(&self, folder: &Path, numbers: Numbers) -> Result<Raised, Error> {
        let (trace, now) = (self.vault.trace(folder).unwrap_or_default(), self.vault.now());
        let timeline = trace.map_or(0, |trace| trace.moment.timeline);
        // Accepted as well: the next start stores what they wrote.
        let runs = &self.unknown_runs(folder).await?;
        let numbers = &numbers;
        let accepted = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Instance).await?;
            let raised = raise(&self.vault, &mut tx, numbers).await?;
            tx.instance().accept_older(timeline, now).await?;
            for run in runs {
                tx.journal().insert_run(*run, now).await?;
            }
            let entry = Entry::done(now, Actor::Host, Action::DatabaseAccept);
            tx.commit(entry.with(left_out(&raised))).await?;
            Ok(raised)
        });
        let raised = accepted.await?;
        self.vault.look(self.vault.db().audit().data_epoch().await?);
        Ok(raised)
    }
}

/// The scopes whose numbers were raised.
#[derive(Debug, Default)]
pub struct Raised {
    /// Those that leave numbers out, each with the last of them.
    pub raised: Vec<(ScopeName, u32)>,
    /// Those that the database does not have.
    pub missing: Vec<(ScopeName, u32)>,
    /// Why the restored database is older than it was, if it is.
    pub older_than: Option<String>,
}

/// Keeps the highest number of each scope.
pub fn keep_highest(numbers: &mut Numbers, known: impl IntoIterator<Item = (ScopeName, u32)>) {
    for (name, number) in known {
        let highest = numbers.entry(name).or_default();
        *highest = (*highest).max(number);
    }
}

/// Returns the highest number of each scope in another SQLite database.
async fn numbers_in_database(file: &Path) -> Result<Numbers, Error> {
    let db = Db::sqlite(file).await?;
    let numbers = db.keys().highest_numbers().await;
    db.close().await;
    Ok(numbers?.into_iter().collect())
}

fn whole_micros(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

/// Raises the numbers of scopes.
async fn raise(vault: &Vault, tx: &mut Tx, numbers: &Numbers) -> Result<Raised, Error> {
    let mut raised = Raised::default();
    for (name, number) in numbers {
        match tx.scopes().needs_raise(name, *number).await? {
            Some((id, true)) => {
                let held = vault.hold(tx, RowRef::Scope(id)).await?;
                tx.scopes().raise_numbers(id, *number).await?;
                vault.sign(tx, held).await?;
                raised.raised.push((name.clone(), *number));
            }
            Some((_, false)) => {}
            None => raised.missing.push((name.clone(), *number)),
        }
    }
    Ok(raised)
}

fn left_out(raised: &Raised) -> String {
    if raised.raised.is_empty() {
        return "no version numbers are left out".to_owned();
    }
    let names: Vec<_> =
        raised.raised.iter().map(|(name, number)| format!("{name} through {number}")).collect();
    format!("version numbers left out: {}", names.join(", "))
}
