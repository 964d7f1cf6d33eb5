//! A database that is older than it was: restored, copied without its log, or a replica that had not caught up. New versions would
//! then get the numbers of lost ones, so none is made until an operator accepts the database as it is.

use super::Overview;
use super::backup::Manifest;
use crate::Error;
use crate::audit::journal::verify;
use crate::base::entry::{Actor, Entry};
use crate::store::{Lock, Tx};
use crate::vault::trace::Moment;
use domain::audit::event::Action;
use domain::scopes::scope::ScopeName;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A data folder, and the state that its trace proves.
pub(crate) struct Traced {
    folder: PathBuf,
    moment: Mutex<Option<Moment>>,
}

/// The highest numbers of versions that something outside the database knows of.
pub type Numbers = BTreeMap<ScopeName, u32>;

impl Overview {
    /// Compares the database with the traces in a server's data folder, and leaves its own there from now on. It must come before
    /// the journal is opened, which registers the runs that the database lacks.
    ///
    /// # Errors
    /// When the folder cannot be read, or the database fails.
    pub async fn look_back(&self, folder: &Path) -> Result<(), Error> {
        let now = self.vault.seen();
        let trace = self.vault.trace(folder)?;
        if let Some(once) = trace {
            self.vault.compare(once, now).await;
        }
        let (_, runs) = verify::files(&folder.join("journal"), self.vault.keyring()).await?;
        let known = self.vault.db().journal().runs().await?;
        if let Some(run) = runs.iter().find(|run| known.iter().all(|known| known.id != **run)) {
            self.vault.is_older(now, &format!("the journal has a run that the database lacks: {run}")).await;
        }
        let _ = self.folder.set(Traced { folder: folder.to_owned(), moment: Mutex::new(trace) });
        Ok(())
    }

    /// Leaves a trace of the database's present state in the data folder, unless the database is older than it was.
    ///
    /// # Errors
    /// When the trace cannot be written.
    pub async fn leave_trace(&self) -> Result<(), Error> {
        let Some(traced) = self.folder.get() else { return Ok(()) };
        let now = self.vault.seen();
        let is_new = |moment: Option<Moment>| moment.is_none_or(|moment| moment < now);
        if self.vault.require_current().is_err()
            || !is_new(*traced.moment.lock().unwrap_or_else(PoisonError::into_inner))
        {
            return Ok(());
        }
        let (vault, folder) = (self.vault.clone(), traced.folder.clone());
        let left = tokio::task::spawn_blocking(move || vault.leave_trace(&folder, now)).await;
        left.map_err(|error| Error::Fault(format!("the trace was not written: {error}")))??;
        *traced.moment.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(())
    }

    /// Returns the state that the trace in a data folder proves and the database does not reach, in words.
    ///
    /// # Errors
    /// When the trace cannot be read.
    pub fn lost_since(&self, folder: &Path) -> Result<Option<String>, Error> {
        let now = self.vault.seen();
        let lost = self.vault.trace(folder)?.filter(|once| now < *once);
        Ok(lost.map(|once| {
            format!(
                "line {} of the audit log was seen; the database ends at line {}",
                once.sequence, now.sequence
            )
        }))
    }

    /// Returns the highest numbers that the journal knows of: its rows, and its files in a data folder.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub async fn numbers_in_journal(&self, folder: &Path) -> Result<Numbers, Error> {
        let rows = verify::rows(self.vault.db(), self.vault.keyring()).await?;
        let (files, _) = verify::files(&folder.join("journal"), self.vault.keyring()).await?;
        let mut numbers = Numbers::new();
        for (name, number) in rows.numbers.into_iter().chain(files.numbers) {
            // Requests that name no scope have another text there.
            if let Ok(name) = name.parse::<ScopeName>() {
                let known = numbers.entry(name).or_default();
                *known = (*known).max(number);
            }
        }
        Ok(numbers)
    }

    /// Records a restore. The next version of each scope gets a number above those that are known. Returns the scopes that leave
    /// numbers out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn restored(&self, manifest: &Manifest, numbers: Numbers) -> Result<Vec<String>, Error> {
        let (now, numbers) = (self.vault.now(), &numbers);
        let recorded = self.vault.db().write(|mut tx| async move {
            let raised = raise(&mut tx, numbers).await?;
            // The snapshot was taken before the backup was recorded.
            tx.instance().set_backup_at(manifest.made_at).await?;
            let made = domain::base::words::moment(manifest.made_at);
            let detail = format!("the backup of {made}, {} rows; {}", manifest.rows(), left_out(&raised));
            tx.commit(Entry::done(now, Actor::Host, Action::BackupRestore).with(detail)).await?;
            Ok(raised)
        });
        recorded.await
    }

    /// Accepts the database as it is. The next version of each scope gets a number above those that are known. Returns the scopes
    /// that leave numbers out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accept_older(&self, folder: &Path, numbers: Numbers) -> Result<Vec<String>, Error> {
        let (trace, now) = (self.vault.trace(folder)?, self.vault.now());
        let timeline = trace.map_or(0, |trace| trace.timeline);
        let numbers = &numbers;
        let accepted = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Instance).await?;
            let raised = raise(&mut tx, numbers).await?;
            tx.instance().accept_older(timeline).await?;
            let entry = Entry::done(now, Actor::Host, Action::DatabaseAccept);
            tx.commit(entry.with(left_out(&raised))).await?;
            Ok(raised)
        });
        let raised = accepted.await?;
        let epoch = self.vault.db().audit().data_epoch().await?;
        self.vault.look(epoch);
        self.vault.leave_trace(folder, epoch.into())?;
        Ok(raised)
    }
}

/// Raises the numbers of scopes; returns those that leave numbers out.
async fn raise(tx: &mut Tx, numbers: &Numbers) -> Result<Vec<String>, Error> {
    let mut raised = Vec::new();
    for (name, number) in numbers {
        if tx.scopes().raise_numbers(name, *number).await? {
            raised.push(format!("{name} through {number}"));
        }
    }
    Ok(raised)
}

fn left_out(raised: &[String]) -> String {
    match raised {
        [] => "no version numbers are left out".to_owned(),
        some => format!("version numbers left out: {}", some.join(", ")),
    }
}
