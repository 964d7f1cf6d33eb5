//! The portal: a database, a keyring, a clock. Everything else hangs on it.

use crate::audit::journal;
use crate::audit::journal::Journal;
use crate::audit::log::{Actor, Entry};
use crate::base::clock::Steady;
use crate::base::random;
use crate::custody::aws_keys::Preflights;
use crate::custody::health::Probes;
use crate::custody::kms;
use crate::custody::kms::Kms;
use crate::custody::lease;
use crate::custody::lease::Leases;
use crate::data::access::Access;
use crate::people::password::Hasher;
use crate::services::usage::Usage;
use crate::store::instance::{Instance, SealedTerm};
use crate::store::{Db, Lock};
use crate::vault::envelope::{Keyring, Place, Purpose, RootKey};
use crate::{Clock, Error};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use domain::keys::limits::DailyLimits;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use uuid::Uuid;

const CANARY: &[u8] = b"keystead canary";

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

pub(crate) fn canary_place() -> Place<'static> {
    Place { table: "instance", column: "canary", row: b"1", ..Place::default() }
}

pub(crate) fn term_place(purpose: Purpose) -> Place<'static> {
    Place {
        table: "keyring",
        column: "sealed",
        row: purpose.word().as_bytes(),
        number: 1,
        ..Place::default()
    }
}

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
        let instance = match db.instance().await? {
            Some(instance) => instance,
            None => found(&db, root, clock.now()).await?,
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
        let Some(theirs) = self.db().time().await? else { return Ok(()) };
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

/// Whether a database holds an instance already: then it must not get another root key.
///
/// # Errors
/// When the database fails.
pub async fn instance_if_any(db: &Db) -> Result<Option<Instance>, Error> {
    match db.instance().await {
        Err(Error::Database(error)) if crate::store::is_missing_table(&error) => Ok(None),
        other => other,
    }
}

/// Of the keys at hand, the one that opens this database; the first where there is none yet.
///
/// # Errors
/// When there is no key at all, or the database fails.
pub async fn right_root_key(db: &Db, mut keys: Vec<RootKey>) -> Result<RootKey, Error> {
    let instance = instance_if_any(db).await?;
    let right = instance.and_then(|instance| keys.iter().position(|key| opens(key, &instance)));
    if keys.is_empty() {
        return Err(Error::Fault("There is no root key.".into()));
    }
    Ok(keys.swap_remove(right.unwrap_or_default()))
}

pub(crate) fn opens(root: &RootKey, instance: &Instance) -> bool {
    root.open(instance.uuid, canary_place(), &instance.canary).is_ok()
}

fn prove(root: &RootKey, instance: &Instance) -> Result<(), Error> {
    if opens(root, instance) {
        return Ok(());
    }
    Err(Error::Fault(
        "The root key is not the one this database was made with. Point KEYSTEAD_ROOT_KEY_FILE to the right \
         one (after `root-key rotate` on another host: a copy of that host's file); nothing was touched."
            .into(),
    ))
}

/// Founds a new instance: its id, the canary, one random term per purpose.
async fn found(db: &Db, root: &RootKey, now: DateTime<Utc>) -> Result<Instance, Error> {
    let uuid: Uuid = random::uuid();
    let canary = root.seal(uuid, canary_place(), CANARY);
    let sealed = &canary;
    let made = db.write(|mut tx| async move {
        tx.insert_instance(uuid, sealed, now).await?;
        for purpose in Purpose::ALL {
            let term = root.seal(uuid, term_place(purpose), random::secret(32).expose());
            tx.insert_term(purpose.word(), &term, now).await?;
        }
        tx.commit(Entry::done(now, Actor::Host, Action::RootKeyInit).with("keyring made")).await
    });
    match made.await {
        Ok(()) => Ok(Instance { uuid, canary }),
        // Another server on the same database came first.
        Err(Error::Schema(error)) if crate::store::is_duplicate(&error) => {
            db.instance().await?.ok_or(Error::NotFound)
        }
        Err(error) => Err(error),
    }
}

/// A database from before there was something to seal gets the term for it. Once something is sealed under it, a term that
/// is missing is a loss, not an upgrade.
async fn add_new_terms(db: &Db, root: &RootKey, instance: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let terms = db.terms().await?;
    for (purpose, is_used) in [
        (Purpose::Credentials, db.has_aws_keys().await?),
        (Purpose::TenantSecret, db.has_tenant_secrets().await?),
    ] {
        if !is_used && !is_there(&terms, purpose) {
            add_term(db, root, instance, purpose, now).await?;
        }
    }
    Ok(())
}

fn is_there(terms: &[SealedTerm], purpose: Purpose) -> bool {
    terms.iter().any(|row| row.purpose == purpose.word())
}

async fn add_term(
    db: &Db,
    root: &RootKey,
    instance: Uuid,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let term = &root.seal(instance, term_place(purpose), random::secret(32).expose());
    db.write(|mut tx| async move {
        tx.lock(Lock::Instance).await?;
        // Another server may have come first.
        if is_there(&tx.terms().await?, purpose) {
            return Ok(());
        }
        tx.insert_term(purpose.word(), term, now).await?;
        let entry = Entry::done(now, Actor::Host, Action::RootKeyInit);
        tx.commit(entry.with(format!("keyring: a term for {} made", purpose.word()))).await
    })
    .await
}

async fn open_keyring(db: &Db, root: &RootKey, instance: Uuid) -> Result<Keyring, Error> {
    let mut terms = HashMap::new();
    for row in db.terms().await? {
        let purpose = Purpose::from_word(&row.purpose)
            .filter(|_| row.term == 1)
            .ok_or_else(|| crate::store::corrupt("keyring", "purpose", &row.purpose))?;
        terms.insert(purpose, root.open(instance, term_place(purpose), &row.sealed)?);
    }
    if let Some(missing) = Purpose::ALL.into_iter().find(|purpose| !terms.contains_key(purpose)) {
        return Err(crate::store::corrupt("keyring", "purpose", missing.word()));
    }
    Ok(Keyring::new(instance, terms))
}
