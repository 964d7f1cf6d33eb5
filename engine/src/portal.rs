//! The portal: a database, a keyring, a clock. Everything else hangs on it.

use crate::audit::journal;
use crate::audit::journal::Journal;
use crate::base::clock::Steady;
use crate::custody::aws_keys::Preflights;
use crate::custody::health::Probes;
use crate::custody::kms;
use crate::custody::kms::Kms;
use crate::custody::lease;
use crate::custody::lease::Leases;
use crate::data::access::Access;
use crate::people::password::Hasher;
use crate::services::usage::Usage;
use crate::store::Db;
use crate::vault::envelope::{Keyring, RootKey};
use crate::vault::keyring::{add_new_terms, create_instance, instance_if_any, open_keyring, prove};
use crate::{Clock, Error};
use chrono::{DateTime, TimeDelta, Utc};
use domain::keys::limits::DailyLimits;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What the operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    pub daily: DailyLimits,
    pub kms: kms::Settings,
    pub leases: lease::Times,
    /// How often each Active version is asked of its KMS; `None`: never.
    pub probe_every: Option<Duration>,
    pub journal: journal::Settings,
    /// Checks against a customer's KMS that a person may make at once, and in a minute.
    pub preflights_each_minute: NonZeroU32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            daily: DailyLimits::default(),
            kms: kms::Settings::default(),
            leases: lease::Times::default(),
            probe_every: Some(Duration::from_secs(60)),
            journal: journal::Settings::default(),
            preflights_each_minute: NonZeroU32::new(10).expect("not zero"),
        }
    }
}

/// The open portal; clones are the same one.
#[derive(Clone)]
pub struct Portal(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Keyring,
    hasher: Hasher,
    clock: Clock,
    clock_off: AtomicI64,
    settings: Settings,
    kms: Kms,
    leases: Leases,
    preflights: Preflights,
    probes: Probes,
    access: Access,
    usage: Usage,
    journal: OnceLock<Journal>,
}

/// A clock that is off by more than this is worth a warning.
const WORTH_SAYING: TimeDelta = TimeDelta::seconds(2);
/// A clock that is off by more than this makes codes and due dates wrong.
const TOO_FAR: TimeDelta = TimeDelta::seconds(30);

impl Portal {
    /// Opens the portal on a database. The root key is proved against the canary before the
    /// schema is touched; on an empty database a new instance is made under it.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub async fn open(db: Db, root: &RootKey, clock: Clock, settings: Settings) -> Result<Self, Error> {
        if let Some(instance) = instance_if_any(&db).await? {
            prove(root, &instance)?;
        }
        db.migrate().await?;
        let instance = match db.instance().get().await? {
            Some(instance) => instance,
            None => create_instance(&db, root, clock.now()).await?,
        };
        prove(root, &instance)?;
        add_new_terms(&db, root, instance.uuid, clock.now()).await?;
        let keyring = open_keyring(&db, root, instance.uuid).await?;
        let portal = Self(Arc::new(Inner {
            db,
            keyring,
            hasher: Hasher::new()?,
            clock,
            clock_off: AtomicI64::new(0),
            kms: Kms::new(&settings.kms),
            leases: Leases::new(settings.leases),
            preflights: Preflights::new(settings.preflights_each_minute),
            probes: Probes::default(),
            access: Access::default(),
            usage: Usage::default(),
            journal: OnceLock::new(),
            settings,
        }));
        portal.find_lost_revisions().await?;
        Ok(portal)
    }

    /// Compares the clock with that of the database, which several servers share.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare_clock(&self) -> Result<(), Error> {
        let before = self.now();
        let Some(theirs) = self.db().instance().time().await? else { return Ok(()) };
        let after = self.now();
        // The answer was made somewhere between the two.
        let off = (before - theirs).max(theirs - after).max(TimeDelta::zero());
        self.0.clock_off.store(off.num_milliseconds(), Ordering::Relaxed);
        let seconds = off.num_seconds();
        if off > TOO_FAR {
            tracing::error!(
                seconds,
                "the clock is too far off the database's: no code is accepted, nothing is rotated"
            );
        } else if off > WORTH_SAYING {
            tracing::warn!(seconds, "the clock is off the database's");
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::ClockOff`] when what depends on the time cannot be decided.
    pub(crate) fn require_clock(&self) -> Result<(), Error> {
        let off = TimeDelta::milliseconds(self.0.clock_off.load(Ordering::Relaxed));
        if off > TOO_FAR { Err(Error::ClockOff { seconds: off.num_seconds() }) } else { Ok(()) }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(crate) fn steady(&self) -> Steady {
        self.0.clock.steady()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.db.ping().await
    }

    /// Ends the journal, wipes what is in memory and closes the database's connections.
    pub async fn close(&self) {
        if let Some(journal) = self.journal_if_any() {
            journal.close().await;
        }
        self.leases().clear();
        self.access().clear();
        self.0.db.close().await;
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn kms(&self) -> &Kms {
        &self.0.kms
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.0.leases
    }

    pub(crate) fn preflights(&self) -> &Preflights {
        &self.0.preflights
    }

    pub(crate) fn usage_counts(&self) -> &Usage {
        &self.0.usage
    }

    pub(crate) fn probes(&self) -> &Probes {
        &self.0.probes
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn journal_if_any(&self) -> Option<&Journal> {
        self.0.journal.get()
    }

    pub(crate) fn set_journal(&self, journal: Journal) -> bool {
        self.0.journal.set(journal).is_ok()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }
}
