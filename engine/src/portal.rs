//! The portal: its rooms, opened together over one vault.

pub(crate) mod kinds;

use crate::audit::{Audit, journal};
use crate::changes::Changes;
use crate::changes::notes::Notes;
use crate::custody;
use crate::custody::Custody;
use crate::data::Data;
use crate::data::access::Access;
use crate::data::tenant_secrets::Secrets;
use crate::keys::Keys;
use crate::overview::Overview;
use crate::people::People;
use crate::people::users::Administrators;
use crate::scopes::Scopes;
use crate::services::Services;
use crate::store::Db;
use crate::vault::authority::Counts;
use crate::vault::envelope::RootKey;
use crate::vault::latest;
use crate::vault::opened::{Adoption, Vault};
use crate::{Clock, Error};
use chrono::{DateTime, Utc};
use domain::keys::limits::DailyLimits;
use std::sync::Arc;

pub use kinds::{Confirmed, Waiting};

/// Settings of the operator, room by room.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub daily: DailyLimits,
    pub custody: custody::Settings,
    pub journal: journal::Settings,
}

/// The open portal. Clones share it.
#[derive(Clone)]
pub struct Portal(Arc<Rooms>);

struct Rooms {
    vault: Vault,
    notes: Notes,
    changes: Changes,
    scopes: Scopes,
    people: People,
    administrators: Administrators,
    services: Services,
    audit: Audit,
    custody: Custody,
    keys: Keys,
    access: Access,
    secrets: Secrets,
    data: Data,
    overview: Overview,
    #[cfg(feature = "testing")]
    settings: Settings,
}

impl Portal {
    /// Opens the portal on a database. It checks the root key against the canary before it touches
    /// the schema. An empty database gets a new instance under the root key.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn open(db: Db, root: &RootKey, clock: Clock, settings: Settings) -> Result<Self, Error> {
        Self::over(Vault::open(db, root, clock, Adoption::Never).await?.0, settings).await
    }

    /// Opens the portal on a database that may be of an earlier release, whose rows do not carry codes yet. It signs them all, so
    /// only a command on the host does this. Returns the numbers of rows that it has signed.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn adopt(
        db: Db,
        root: &RootKey,
        clock: Clock,
        settings: Settings,
        adoption: Adoption<'_>,
    ) -> Result<(Self, Counts), Error> {
        let (vault, adopted) = Vault::open(db, root, clock, adoption).await?;
        Ok((Self::over(vault, settings).await?, adopted))
    }

    async fn over(vault: Vault, settings: Settings) -> Result<Self, Error> {
        let notes = Notes::new(vault.clone());
        let changes = Changes::new(vault.clone(), notes.clone());
        let people = People::new(vault.clone(), notes.clone(), changes.clone())?;
        let services = Services::new(vault.clone(), notes.clone());
        let audit = Audit::new(vault.clone(), settings.journal);
        let custody = Custody::new(vault.clone(), &settings.custody);
        let access = Access::new(vault.clone());
        let secrets = Secrets::new(vault.clone(), access.clone(), services.uses());
        let data = Data {
            vault: vault.clone(),
            access: access.clone(),
            secrets: secrets.clone(),
            custody: custody.clone(),
            audit: audit.clone(),
            uses: services.uses(),
        };
        custody.find_lost_revisions().await?;
        Ok(Self(Arc::new(Rooms {
            scopes: Scopes::new(vault.clone()),
            administrators: people.administrators(),
            keys: Keys::new(vault.clone(), custody.clone(), settings.daily),
            overview: Overview {
                vault: vault.clone(),
                custody: custody.clone(),
                administrators: people.administrators(),
                secrets: secrets.clone(),
                folder: Arc::default(),
                ahead: Arc::default(),
                clear_through: Arc::default(),
            },
            vault,
            notes,
            changes,
            people,
            services,
            audit,
            custody,
            access,
            secrets,
            data,
            #[cfg(feature = "testing")]
            settings,
        })))
    }

    /// Compares the clock with that of the database, which several servers share.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare_clock(&self) -> Result<(), Error> {
        self.0.vault.compare_clock().await
    }

    /// Records the time of this server, by which API keys expire even if its clock is set back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_time(&self) -> Result<(), Error> {
        latest::record(&self.0.vault).await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.0.vault.now()
    }

    /// Checks whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.vault.db().ping().await
    }

    /// Deletes sessions that are over and counters that nobody has touched for a day, and folds old sums of use.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<(), Error> {
        self.people().sweep().await?;
        self.custody().notes().sweep().await?;
        self.services().fold_usage().await
    }

    /// Ends the journal, wipes the leases and the data plane's cache, and closes the database's connections.
    pub async fn close(&self) {
        // The journal comes first, because it stores its last segments in the database.
        self.audit().close().await;
        self.custody().clear();
        self.custody().notes().leave().await;
        self.access().clear();
        self.changes().strangers().end().await;
        self.0.vault.db().close().await;
    }

    /// Returns the room of environments, countries, aliases.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Waits until a newer release has raised the database's schema; returns the sentence that says so.
    pub async fn outdated(&self) -> String {
        self.0.vault.outdated().await
    }

    /// Copies what SQLite has written into its log to the database's file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn settle(&self) -> Result<(), Error> {
        self.0.vault.db().settle().await.map(drop)
    }

    /// Returns the room of the tree and of what an operator looks after.
    pub fn overview(&self) -> &Overview {
        &self.0.overview
    }

    /// Returns the room of versions, limits, rotation.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Returns the room of the customers' KMS: their keys, leases, health.
    pub fn custody(&self) -> &Custody {
        &self.0.custody
    }

    /// Returns the room of set-up, sign-in, sessions, profile.
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// Returns the room of the host's command line for administrators.
    pub fn administrators(&self) -> &Administrators {
        &self.0.administrators
    }

    /// Returns the room of changes: prepare, review, confirm.
    pub fn changes(&self) -> &Changes {
        &self.0.changes
    }

    /// Returns the sealed notes of the sessions.
    pub fn notes(&self) -> &Notes {
        &self.0.notes
    }

    /// Returns the room of API keys and sums of use.
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// Returns the data plane's operations.
    pub fn data(&self) -> &Data {
        &self.0.data
    }

    /// Returns the access control of the data plane.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Returns the tenant secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// Returns the room of the audit log and the journal.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    #[cfg(feature = "testing")]
    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    #[cfg(feature = "testing")]
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }
}
