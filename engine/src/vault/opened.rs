//! The opened vault: the database, the keyring that opens its sealed values, and the clock. Every room has a clone of it.

use crate::Error;
use crate::base::clock::{Clock, Steady};
use crate::base::error::VaultError;
use crate::base::moved::Moved;
use crate::store::Db;
use crate::vault::envelope::{Keyring, RootKey};
use crate::vault::keyring::{add_new_terms, create_instance, instance_if_any, open_keyring, prove};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Difference from the database's clock above which Keystead logs a warning.
const WORTH_SAYING: TimeDelta = TimeDelta::seconds(2);
/// Maximum difference from the database's clock; above it, verification codes and due dates are wrong.
const TOO_FAR: TimeDelta = TimeDelta::seconds(30);

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
}

impl Vault {
    /// Opens the vault in a database. It checks the root key against the canary before it touches the schema. An empty
    /// database gets a new instance under the root key.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub(crate) async fn open(db: Db, root: &RootKey, clock: Clock) -> Result<Self, Error> {
        if let Some(instance) = instance_if_any(&db).await? {
            prove(root, &instance)?;
        }
        db.migrate().await?;
        let instance = match db.instance().get().await? {
            Some(instance) => instance,
            None => create_instance(&db, root, clock.now()).await?,
        };
        // Another server may have made the instance under another root key a moment ago.
        prove(root, &instance)?;
        add_new_terms(&db, root, instance.uuid, clock.now()).await?;
        let keyring = open_keyring(&db, root, instance.uuid).await?;
        Ok(Self(Arc::new(Inner {
            db,
            keyring,
            clock,
            clock_off: AtomicI64::new(0),
            moved: Moved::default(),
        })))
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

    /// # Errors
    /// [`VaultError::ClockOff`] when the clock is too far off for decisions that depend on the time.
    pub(crate) fn require_clock(&self) -> Result<(), Error> {
        let off = TimeDelta::milliseconds(self.0.clock_off.load(Ordering::Relaxed));
        if off > TOO_FAR {
            Err(Error::Vault(VaultError::ClockOff { seconds: off.num_seconds() }))
        } else {
            Ok(())
        }
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

    pub(crate) fn moved(&self) -> &Moved {
        &self.0.moved
    }
}
