//! The overview: the tree and the grid of environments and countries, what needs attention, the calendar, and what an operator looks
//! after: backups, restores, the health of the installation.

pub mod backup;
mod calendar;
mod grid;
mod next_steps;
pub mod older;
pub mod times;

use crate::Error;
use crate::audit::journal::verify;
use crate::base::disk;
use crate::custody::Custody;
use crate::data::tenant_secrets::Secrets;
use crate::people::users::Administrators;
use crate::store::instance::Upkeep;
use crate::store::scopes::Branches;
use crate::vault::authority;
use crate::vault::opened::Vault;
use chrono::TimeDelta;
use domain::overview::upkeep::{JournalState, UpkeepView};
use domain::overview::view::Tree;
use domain::scopes::scope::Slug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

/// Free space of the data folder below which an operator is warned, in bytes.
const LOW: u64 = 1 << 30;

/// The result of reading everything that is sealed, and the whole journal.
pub struct Verified {
    /// Names of what does not open.
    pub unopened: Vec<String>,
    /// Names of rows that give authority and do not verify.
    pub unproved: Vec<String>,
    /// Names of Active versions whose due date does not follow from their creation and period.
    pub dates: Vec<String>,
    pub journal: verify::Whole,
}

/// The room of the overview.
#[derive(Clone)]
pub struct Overview {
    pub(crate) vault: Vault,
    pub(crate) custody: Custody,
    pub(crate) administrators: Administrators,
    pub(crate) secrets: Secrets,
    /// Where this server leaves its trace, and how far it has come.
    pub(crate) folder: Arc<OnceLock<older::Traced>>,
    /// Number of rows that carry a time of the future.
    pub(crate) ahead: Arc<AtomicI64>,
    /// The newest line of the audit log with a time of the future, when no row had one any more.
    pub(crate) clear_through: Arc<AtomicI64>,
}

impl Overview {
    /// Returns the names of sealed rows that do not open, and what is wrong with the journal. All of it is read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify(&self) -> Result<Verified, Error> {
        let mut unopened = self.custody.unopened().await?;
        unopened.extend(self.administrators.unopened().await?);
        unopened.extend(self.secrets.unopened().await?);
        let journal = verify::rows(self.vault.db(), self.vault.keyring()).await?;
        let unproved = authority::all_unproved(&self.vault).await?;
        let now = self.vault.now();
        let wrong = self.vault.db().keys().dates().await?.into_iter().filter_map(|dates| match dates {
            Ok(dates) => (!dates.are_right(now)).then(|| dates.name()),
            Err(_) => Some("a version whose row cannot be read".to_owned()),
        });
        Ok(Verified { unopened, unproved, dates: wrong.collect(), journal })
    }

    /// Records the rows that this server has found not to verify in the audit log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_unproved(&self) -> Result<(), Error> {
        authority::record_unproved(&self.vault).await
    }

    /// Returns how far the clock is off the database's.
    pub fn clock_off(&self) -> TimeDelta {
        self.vault.clock_off()
    }

    /// Returns when the last backup was made, and why the database is known to be older than it was, if it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upkeep(&self) -> Result<UpkeepView, Error> {
        let Upkeep { created_at, backup_at, older_than } = self.vault.db().instance().upkeep().await?;
        // This server may know it before the database does.
        let older_than = older_than.or_else(|| self.vault.older_than());
        let unproved = self.vault.unproved();
        let ahead = u32::try_from(self.ahead.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let now = self.vault.now();
        let clock_off = self.vault.require_clock().is_err().then(|| self.clock_off());
        let free =
            self.folder.get().and_then(|traced| disk::free(traced.folder())).filter(|free| *free < LOW);
        let journal = JournalState::Works;
        // The web server knows its proxies, and the journal.
        Ok(UpkeepView {
            now,
            created_at,
            backup_at,
            older_than,
            unproved,
            ahead,
            clock_off,
            free,
            journal,
            proxy: None,
        })
    }

    /// Returns every environment with its countries and what they lack.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree(&self) -> Result<Tree, Error> {
        self.vault.db().scopes().tree(Branches::All, self.vault.now()).await
    }

    /// Returns the same tree, but of a large portal only the countries of one environment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree_around(&self, environment: Option<&Slug>) -> Result<Tree, Error> {
        self.vault.db().scopes().tree(Branches::Around(environment), self.vault.now()).await
    }
}
