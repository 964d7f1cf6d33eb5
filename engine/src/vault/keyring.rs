//! The instance of a database, and the keyring that is sealed under its root key.

use crate::Error;
use crate::base::entry::{Actor, Entry};
use crate::base::random;
use crate::store::instance::{Instance, SealedTerm};
use crate::store::{Db, Lock};
use crate::vault::authority::Counts;
use crate::vault::envelope::{Keyring, Purpose, RootKey, SealContext};
use crate::vault::{authority, trace};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use std::collections::HashMap;
use std::path::Path;
use uuid::Uuid;

/// The canary of a database whose rows give authority only with their codes.
const CANARY: &[u8] = b"keystead canary, rows that give authority carry codes";
/// The canary of earlier releases.
const OLD_CANARY: &[u8] = b"keystead canary";

pub(crate) fn canary_place() -> SealContext<'static> {
    SealContext { table: "instance", column: "canary", row: b"1", ..SealContext::default() }
}

pub(crate) fn term_place(purpose: Purpose) -> SealContext<'static> {
    SealContext {
        table: "keyring",
        column: "sealed",
        row: purpose.word().as_bytes(),
        number: 1,
        ..SealContext::default()
    }
}

/// Returns the instance of a database, if it has one. Such a database must not get another root key.
///
/// # Errors
/// When the database fails.
pub async fn instance_if_any(db: &Db) -> Result<Option<Instance>, Error> {
    match db.instance().get().await {
        // The schema is made only after the root key is proved, so a new database has no table yet.
        Err(error) if crate::store::is_missing_table(&error) => Ok(None),
        // Read once more, because another server may have made both a moment ago.
        Ok(None) if db.audit().any().await? => match db.instance().get().await? {
            Some(instance) => Ok(Some(instance)),
            None => Err(Error::Fault(
                "The row of the instance is missing from this database, which is not empty. Somebody has deleted it. Restore a \
                 backup."
                    .into(),
            )),
        },
        other => other,
    }
}

/// Returns the given key that opens this database; the first key when none does, or when there is no instance yet.
///
/// # Errors
/// [`Error::Fault`] when there is no key at all; when the database fails.
pub async fn right_root_key(db: &Db, mut keys: Vec<RootKey>) -> Result<RootKey, Error> {
    let instance = instance_if_any(db).await?;
    let right = instance.and_then(|instance| keys.iter().position(|key| opens(key, &instance)));
    if keys.is_empty() {
        return Err(Error::Fault("There is no root key.".into()));
    }
    // Without a right key the first one goes on: the proof at the opening refuses it with its own sentence.
    Ok(keys.swap_remove(right.unwrap_or_default()))
}

pub(crate) fn opens(root: &RootKey, instance: &Instance) -> bool {
    root.open(instance.uuid, canary_place(), &instance.canary).is_ok()
}

pub(crate) fn prove(root: &RootKey, instance: &Instance) -> Result<(), Error> {
    if opens(root, instance) {
        return Ok(());
    }
    Err(Error::Fault(
        "This is not the root key of this database. Set KEYSTEAD_ROOT_KEY_FILE to the right file. After \
         `root-key rotate` on another host, copy the root key file from there. Nothing was changed."
            .into(),
    ))
}

/// Makes the canary of earlier releases.
#[cfg(feature = "testing")]
pub(crate) fn old_canary(root: &RootKey, instance: Uuid) -> Vec<u8> {
    root.seal(instance, canary_place(), OLD_CANARY)
}

/// Checks whether the rows of a database carry codes. The root key seals the answer.
pub(crate) fn is_adopted(root: &RootKey, instance: &Instance) -> bool {
    let canary = root.open(instance.uuid, canary_place(), &instance.canary);
    canary.is_ok_and(|canary| canary.expose() != OLD_CANARY)
}

/// Signs every row of a database of an earlier release: the term, the codes and the new canary in one transaction.
///
/// # Errors
/// When the root key is not the right one, the rows carried codes before, or the database fails.
pub(super) async fn adopt(
    db: &Db,
    root: &RootKey,
    folder: Option<&Path>,
    now: DateTime<Utc>,
) -> Result<Counts, Error> {
    db.write(|mut tx| async move {
        tx.lock(Lock::Instance).await?;
        let instance = tx.instance().get().await?;
        prove(root, &instance)?;
        // Another command may have come first.
        if is_adopted(root, &instance) {
            return Ok(Counts::new());
        }
        let purpose = Purpose::Authority;
        let terms = tx.instance().terms().await?;
        // The term and the canary are written together, so a term without its canary was put back; a trace remembers both.
        if is_there(&terms, purpose) || folder.is_some_and(|folder| was_adopted(root, &instance, &terms, folder)) {
            return Err(Error::Fault(
                "The rows of this database carried codes before. Somebody has put back an earlier state of the database, perhaps to \
                 have rows of their own signed. Restore a backup."
                    .into(),
            ));
        }
        let term = random::secret(32);
        let sealed = root.seal(instance.uuid, term_place(purpose), term.expose());
        tx.instance().insert_term(purpose.word(), &sealed, now).await?;
        tx.instance().set_canary(&root.seal(instance.uuid, canary_place(), CANARY)).await?;
        let keyring = Keyring::new(instance.uuid, [(purpose, term)].into());
        let adopted = authority::adopt(&mut tx, &keyring, instance.uuid).await?;
        let rows: Vec<String> =
            adopted.iter().map(|(kind, rows)| format!("{rows} {}", kind.plural())).collect();
        let entry = Entry::done(now, Actor::Host, Action::DatabaseAdopt).with(rows.join(", "));
        tx.commit(entry).await?;
        Ok(adopted)
    })
    .await
}

/// Checks whether a server with this data folder has seen the rows of this database with codes.
fn was_adopted(root: &RootKey, instance: &Instance, terms: &[SealedTerm], folder: &Path) -> bool {
    let audit = terms.iter().find(|row| row.purpose == Purpose::Audit.word());
    let term = audit.and_then(|row| root.open(instance.uuid, term_place(Purpose::Audit), &row.sealed).ok());
    let Some(term) = term else { return false };
    let keyring = Keyring::new(instance.uuid, [(Purpose::Audit, term)].into());
    trace::is_adopted(folder, &keyring, instance.uuid).unwrap_or(true)
}

/// Makes a new instance: its id, the canary, one random term per purpose.
pub(crate) async fn create_instance(db: &Db, root: &RootKey, now: DateTime<Utc>) -> Result<Instance, Error> {
    let uuid: Uuid = random::uuid();
    let canary = root.seal(uuid, canary_place(), CANARY);
    let sealed = &canary;
    let made = db.write(|mut tx| async move {
        tx.instance().insert(uuid, sealed, now).await?;
        for purpose in Purpose::ALL {
            let term = root.seal(uuid, term_place(purpose), random::secret(32).expose());
            tx.instance().insert_term(purpose.word(), &term, now).await?;
        }
        tx.commit(Entry::done(now, Actor::Host, Action::RootKeyInit).with("keyring created")).await
    });
    match made.await {
        Ok(()) => Ok(Instance { uuid, canary }),
        // Another server on the same database came first.
        Err(error) if crate::store::was_duplicate(&error) => {
            db.instance().get().await?.ok_or(Error::NotFound)
        }
        Err(error) => Err(error),
    }
}

/// Adds the terms that a database of an older release lacks because it had nothing to seal under them. Once something is
/// sealed under a term, its absence is a loss, not an upgrade, and the term is not added.
pub(crate) async fn add_new_terms(
    db: &Db,
    root: &RootKey,
    instance: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let terms = db.instance().terms().await?;
    for (purpose, is_used) in [
        (Purpose::Credentials, db.holders().any().await?),
        (Purpose::TenantSecret, db.tenant_secrets().any().await?),
        (Purpose::Fingerprint, db.holders().any_fingerprint().await?),
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
        // The root key may have been rotated while this waited. A term under the old one would never open again.
        prove(root, &tx.instance().get().await?)?;
        // Another server may have come first.
        if is_there(&tx.instance().terms().await?, purpose) {
            return Ok(());
        }
        tx.instance().insert_term(purpose.word(), term, now).await?;
        let entry = Entry::done(now, Actor::Host, Action::RootKeyInit);
        tx.commit(entry.with(format!("keyring: term for {} created", purpose.word()))).await
    })
    .await
}

fn damaged(purpose: &str) -> Error {
    Error::Fault(format!(
        "The keyring of this database is damaged or was changed (the term {purpose}). The root key is right. Restore a backup."
    ))
}

pub(crate) async fn open_keyring(db: &Db, root: &RootKey, instance: Uuid) -> Result<Keyring, Error> {
    let mut terms = HashMap::new();
    for row in db.instance().terms().await? {
        let purpose = Purpose::from_word(&row.purpose)
            .filter(|_| row.term == 1)
            .ok_or_else(|| damaged(&row.purpose))?;
        terms.insert(purpose, root.open(instance, term_place(purpose), &row.sealed)?);
    }
    if let Some(missing) = Purpose::ALL.into_iter().find(|purpose| !terms.contains_key(purpose)) {
        return Err(damaged(missing.word()));
    }
    Ok(Keyring::new(instance, terms))
}
