//! The portal: a database, a keyring, a clock. Everything else hangs on it.

use crate::audit::{Actor, Entry};
use crate::envelope::{Keyring, Place, Purpose, RootKey};
use crate::password::Hasher;
use crate::store::Db;
use crate::store::instance::Instance;
use crate::{Clock, Error, random};
use chrono::{DateTime, Utc};
use domain::audit::Action;
use domain::limits::DailyLimits;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

const CANARY: &[u8] = b"keystead canary";

/// What the operator may set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub daily: DailyLimits,
}

/// The open portal; clones are the same one.
#[derive(Clone)]
pub struct Portal(Arc<Inner>);

struct Inner {
    db: Db,
    keyring: Keyring,
    hasher: Hasher,
    clock: Clock,
    settings: Settings,
}

fn canary_place() -> Place<'static> {
    Place { table: "instance", column: "canary", row: b"1", ..Place::default() }
}

fn term_place(purpose: Purpose) -> Place<'static> {
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
        let keyring = open_keyring(&db, root, instance.uuid).await?;
        Ok(Self(Arc::new(Inner { db, keyring, hasher: Hasher::new()?, clock, settings })))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.db.ping().await
    }

    /// Closes the database's connections.
    pub async fn close(&self) {
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

fn prove(root: &RootKey, instance: &Instance) -> Result<(), Error> {
    root.open(instance.uuid, canary_place(), &instance.canary).map(drop).map_err(|_| {
        Error::Fault(
            "The root key is not the one this database was made with. Point KEYSTEAD_ROOT_KEY_FILE to the right \
             one; nothing was touched."
                .into(),
        )
    })
}

/// Founds a new instance: its id, the canary, one random term per purpose.
async fn found(db: &Db, root: &RootKey, now: DateTime<Utc>) -> Result<Instance, Error> {
    let uuid: Uuid = random::uuid();
    let canary = root.seal(uuid, canary_place(), CANARY);
    let mut tx = db.begin_write().await?;
    match tx.insert_instance(uuid, &canary, now).await {
        // Another server on the same database came first.
        Err(Error::Database(error)) if crate::store::is_duplicate(&error) => {
            drop(tx);
            return db.instance().await?.ok_or(Error::NotFound);
        }
        other => other?,
    }
    for purpose in Purpose::ALL {
        let term = root.seal(uuid, term_place(purpose), random::secret(32).expose());
        tx.insert_term(purpose.word(), &term, now).await?;
    }
    tx.commit(Entry::done(now, Actor::Host, Action::RootKeyInit).with("keyring made")).await?;
    Ok(Instance { uuid, canary })
}

async fn open_keyring(db: &Db, root: &RootKey, instance: Uuid) -> Result<Keyring, Error> {
    let mut terms = HashMap::new();
    for row in db.terms().await? {
        let known = Purpose::ALL.into_iter().find(|purpose| purpose.word() == row.purpose && row.term == 1);
        let purpose = known.ok_or_else(|| crate::store::corrupt("keyring", "purpose", &row.purpose))?;
        terms.insert(purpose, root.open(instance, term_place(purpose), &row.sealed)?);
    }
    if let Some(missing) = Purpose::ALL.into_iter().find(|purpose| !terms.contains_key(purpose)) {
        return Err(crate::store::corrupt("keyring", "purpose", missing.word()));
    }
    Ok(Keyring::new(instance, terms))
}
