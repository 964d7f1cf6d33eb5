//! The opened vault: the database, the keyring that opens its sealed values, and the clock. Every room has a clone of it.

use crate::Error;
use crate::base::clock::{Clock, Steady};
use crate::base::entry::{Actor, Entry};
use crate::base::error::VaultError;
use crate::base::log::or_warn;
use crate::base::moved::Moved;
use crate::store::audit::Epoch;
use crate::store::{Db, migrate};
use crate::vault::authority::{Counts, Noticed};
use crate::vault::envelope::{Keyring, RootKey};
use crate::vault::keyring::{
    add_new_terms, adopt, create_instance, instance_if_any, is_adopted, open_keyring, prove,
};
use crate::vault::latest::Latest;
use crate::vault::trace;
use crate::vault::trace::{Moment, Seen};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// Difference from the database's clock above which Keystead logs a warning.
const WORTH_SAYING: TimeDelta = TimeDelta::seconds(2);
/// Distance into the future from which on a stored time is one of a clock that was ahead. Clocks of servers differ by less.
pub(crate) const AHEAD: TimeDelta = TimeDelta::seconds(60);
/// Maximum difference from the database's clock; above it, verification codes and due dates are wrong.
const TOO_FAR: TimeDelta = TimeDelta::seconds(30);

/// What an opening does with rows of an earlier release, which carry no codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption<'a> {
    /// It ends with a sentence.
    Never,
    /// It signs them, unless the trace in this data folder says that they carried codes before.
    In(&'a Path),
    /// It signs them: they come from a backup of an earlier release, which was authenticated as a whole.
    OfBackup,
}

/// Sentence for a database of a release before rows carried codes.
pub(crate) const NOT_ADOPTED: &str = "The rows of this database do not carry the codes yet with which Keystead tells them from rows that somebody \
                           else wrote. Stop all servers, make a backup, and run keystead migrate once. It lists what it signs. \
                           Nothing was changed.";

/// The opened vault. Clones share it.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Keyring,
    clock: Clock,
    /// Difference between this clock and the database's, in milliseconds.
    clock_off: AtomicI64,
    moved: Moved,
    instance: Uuid,
    older: Mutex<Option<Older>>,
    /// Rows that give authority, as this server has found them.
    noticed: Noticed,
    /// The state of the database when it was last looked at.
    seen: Mutex<Moment>,
    latest: Latest,
    /// Number of the database's schema when it was last looked at.
    schema: watch::Sender<i64>,
}

/// The database is older than it was.
struct Older {
    /// Its state when that was found.
    on: Moment,
    /// The state that it no longer has; `None` when another server has found it.
    once: Option<Moment>,
    why: String,
    /// The database itself says so.
    is_recorded: bool,
}

impl From<Epoch> for Moment {
    fn from(epoch: Epoch) -> Self {
        Self { timeline: epoch.timeline, sequence: epoch.sequence }
    }
}

impl Vault {
    /// Opens the vault in a database. It checks the root key against the canary before it touches the schema. An empty
    /// database gets a new instance under the root key. With an adoption, it signs the rows of a database of an earlier release,
    /// and returns how many.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub(crate) async fn open(
        db: Db,
        root: &RootKey,
        clock: Clock,
        adoption: Adoption<'_>,
    ) -> Result<(Self, Counts), Error> {
        if let Some(instance) = instance_if_any(&db).await? {
            prove(root, &instance)?;
            // Before the schema is touched: a start never makes genuine what it finds.
            if adoption == Adoption::Never && !is_adopted(root, &instance) {
                return Err(Error::Fault(NOT_ADOPTED.into()));
            }
        }
        db.migrate().await?;
        let mut instance = match db.instance().get().await? {
            Some(instance) => instance,
            None => create_instance(&db, root, clock.now()).await?,
        };
        // Another server may have made the instance under another root key a moment ago.
        prove(root, &instance)?;
        let mut adopted = Counts::new();
        if !is_adopted(root, &instance) {
            let folder = match adoption {
                Adoption::Never => return Err(Error::Fault(NOT_ADOPTED.into())),
                Adoption::In(folder) => Some(folder),
                Adoption::OfBackup => None,
            };
            adopted = adopt(&db, root, folder, clock.now()).await?;
            instance = db.instance().get().await?.ok_or(Error::NotFound)?;
        }
        add_new_terms(&db, root, instance.uuid, clock.now()).await?;
        let keyring = open_keyring(&db, root, instance.uuid).await?;
        let epoch = db.audit().data_epoch().await?;
        let vault = Self(Arc::new(Inner {
            db,
            keyring,
            clock,
            clock_off: AtomicI64::new(0),
            moved: Moved::default(),
            instance: instance.uuid,
            older: Mutex::default(),
            noticed: Noticed::default(),
            seen: Mutex::new(epoch.into()),
            latest: Latest::default(),
            schema: watch::Sender::new(migrate::newest()),
        }));
        vault.look(epoch);
        Ok((vault, adopted))
    }

    /// Compares the clock with that of the database, which several servers share.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn compare_clock(&self) -> Result<(), Error> {
        let before = self.now();
        let Some(theirs) = self.db().instance().time().await? else { return Ok(()) };
        let after = self.now();
        // The database read its clock at some moment between the two.
        let off = (before - theirs).max(theirs - after).max(TimeDelta::zero());
        self.0.clock_off.store(off.num_milliseconds(), Ordering::Relaxed);
        let seconds = off.num_seconds();
        if off > TOO_FAR {
            tracing::error!(
                seconds,
                "the server's clock differs too much from the database's; verification codes are refused and automatic rotation is paused"
            );
        } else if off > WORTH_SAYING {
            tracing::warn!(seconds, "the server's clock differs from the database's");
        }
        Ok(())
    }

    /// Returns how far the clock was off the database's when they were compared.
    pub(crate) fn clock_off(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.0.clock_off.load(Ordering::Relaxed))
    }

    /// # Errors
    /// [`VaultError::ClockOff`] when the clock is too far off for decisions that depend on the time.
    pub(crate) fn require_clock(&self) -> Result<(), Error> {
        let off = self.clock_off();
        if off > TOO_FAR {
            Err(Error::Vault(VaultError::ClockOff { seconds: off.num_seconds() }))
        } else {
            Ok(())
        }
    }

    /// Notes a state of the database that was just read.
    pub(crate) fn look(&self, epoch: Epoch) {
        let now = Moment::from(epoch);
        self.0.latest.note(epoch.latest_at, self.steady());
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let mut older = self.0.older.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |known: &Older| match known.once {
            // An operator has accepted the older database, or brought back the newest.
            Some(once) => now.timeline > known.on.timeline || now >= once,
            // Only the database itself said so.
            None => true,
        };
        if epoch.is_older {
            let said = || Older { on: now, once: None, why: String::new(), is_recorded: true };
            older.get_or_insert_with(said).is_recorded = true;
        } else if older.as_ref().is_some_and(is_over) {
            *older = None;
        }
        drop(older);
        self.0.schema.send_if_modified(|schema| std::mem::replace(schema, epoch.schema) != epoch.schema);
    }

    /// Waits until a newer release has raised the schema; returns the sentence that says so.
    pub(crate) async fn outdated(&self) -> String {
        let mut schema = self.0.schema.subscribe();
        match schema.wait_for(|schema| *schema > migrate::newest()).await {
            Ok(found) => migrate::newer_schema(*found),
            // The sender lives as long as the vault.
            Err(_) => std::future::pending().await,
        }
    }

    /// Notes that the database, which is at `now`, was once at `once` and no longer has that state. From now on nothing makes
    /// versions, on any server, until an operator accepts the database as it is, or brings back the newest.
    pub(crate) async fn is_older(&self, once: Moment, now: Moment, why: String) {
        {
            let mut older = self.0.older.lock().unwrap_or_else(PoisonError::into_inner);
            if older.is_some() {
                return;
            }
            tracing::error!(
                why,
                "the database is older than it was; no versions are created until `keystead doctor --accept-older-database`"
            );
            *older = Some(Older { on: now, once: Some(once), why, is_recorded: false });
        }
        let recorded = self.record_older().await;
        or_warn(recorded, "that the database is older than it was could not be recorded; it will be retried");
    }

    /// Records in the database that it is older than it was, so that every server knows, unless that is done.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn record_older(&self) -> Result<(), Error> {
        let unrecorded = {
            let older = self.0.older.lock().unwrap_or_else(PoisonError::into_inner);
            older
                .as_ref()
                .filter(|older| !older.is_recorded)
                .map(|older| (older.on.timeline, older.why.clone()))
        };
        let Some((timeline, why)) = unrecorded else { return Ok(()) };
        let (timeline, why) = (Some(timeline), &why);
        let recorded = self.db().write(|mut tx| async move {
            if !tx.instance().set_older(why, timeline).await? {
                return Ok(());
            }
            tx.commit(Entry::refused(self.now(), Actor::Scheduler, Action::DatabaseOlder).with(why)).await
        });
        recorded.await?;
        if let Some(older) = self.0.older.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            older.is_recorded = true;
        }
        Ok(())
    }

    /// Returns why this server takes the database for older than it was, if it does.
    pub(crate) fn older_than(&self) -> Option<String> {
        let older = self.0.older.lock().unwrap_or_else(PoisonError::into_inner);
        older.as_ref().map(|older| older.why.clone())
    }

    /// # Errors
    /// [`VaultError::OlderDatabase`] while the database is older than it was: a number could then be given twice.
    pub(crate) fn require_current(&self) -> Result<(), Error> {
        match *self.0.older.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(_) => Err(Error::Vault(VaultError::OlderDatabase)),
        }
    }

    /// Returns the state of the database when it was last looked at.
    pub(crate) fn seen(&self) -> Moment {
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state of the database that this server saw last, by its trace in the data folder.
    ///
    /// # Errors
    /// When the trace cannot be read.
    pub(crate) fn trace(&self, folder: &Path) -> Result<Option<Seen>, Error> {
        trace::read(folder, self.keyring(), self.0.instance)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(crate) fn steady(&self) -> Steady {
        self.0.clock.steady()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    pub(crate) fn latest(&self) -> &Latest {
        &self.0.latest
    }

    pub(crate) fn instance(&self) -> Uuid {
        self.0.instance
    }

    pub(super) fn noticed(&self) -> &Noticed {
        &self.0.noticed
    }

    pub(crate) fn moved(&self) -> &Moved {
        &self.0.moved
    }
}
