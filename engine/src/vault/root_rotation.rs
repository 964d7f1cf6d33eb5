//! Rotation of the root key while servers run. The root key seals only the keyring and the canary,
//! so one transaction seals a few rows again.
//!
//! The command may be killed at any point: it writes the new key beside the old one, commits the
//! rows, and renames the new file over the old one. A start tries both files, and the command
//! itself continues where an earlier one was killed.

use crate::base::entry::{Actor, Entry};
use crate::store::{Db, Lock, Tx};
use crate::vault::envelope::{Purpose, RootKey};
use crate::vault::keyring::{canary_place, instance_if_any, opens, term_place};
use crate::vault::root_key;
use crate::{Clock, Error};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use std::path::{Path, PathBuf};

/// The result of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// Number of rows that were sealed again.
    Rows(u32),
    /// An earlier command had been stopped after its commit; its new key is in place now.
    Finished,
}

/// The old key, after a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub file: PathBuf,
    /// When the last backup was made that needs it, if there is one.
    pub backup_at: Option<DateTime<Utc>>,
}

/// # Errors
/// [`Error::Fault`] with a sentence when there is no key or no database yet, the key is not the right
/// one, or the new file cannot be written. The old key then still works.
pub async fn rotate(db: &Db, file: &Path, clock: &Clock) -> Result<(Rotated, Kept), Error> {
    let sentence = |text: String| Err(Error::Fault(text));
    let shown = file.display();
    root_key::require_own(file)?;
    let _alone = root_key::hold_folder(file)?;
    let Some(instance) = instance_if_any(db).await? else {
        return sentence("This database has no Keystead data yet, so there is no root key to rotate.".into());
    };
    // The new file comes first: if it opens the database, an earlier command has committed, and the old file no longer opens it.
    let next = root_key::read(&root_key::beside(file))?;
    if let Some(next) = &next
        && opens(next, &instance)
    {
        let kept = keep(db, file).await?;
        return Ok((Rotated::Finished, kept));
    }
    let Some(old) = root_key::read(file)?.filter(|old| opens(old, &instance)) else {
        return sentence(format!(
            "{shown} does not hold the root key of this database. If it was rotated on another host, copy that host's file here."
        ));
    };
    // A key that an earlier command left before its commit is used, because a file of a key is never overwritten.
    let next = match next {
        Some(next) => next,
        None => root_key::create(&root_key::beside(file))?,
    };
    // Only a proved key may change the schema. The audit event below needs the present schema.
    db.migrate().await?;
    let (old, new) = (&old, &next);
    let rows = db.write(|tx| seal_anew(tx, old, new, clock)).await?;
    Ok((Rotated::Rows(rows), keep(db, file).await?))
}

async fn keep(db: &Db, file: &Path) -> Result<Kept, Error> {
    let file = root_key::put_in_place(file)?;
    // An interrupted rotation may be finished on the schema of an earlier release, which knows no backups.
    let backup_at = db.instance().upkeep().await.ok().and_then(|upkeep| upkeep.backup_at);
    Ok(Kept { file, backup_at })
}

/// Seals a restored database under another root key than that of its backup.
///
/// # Errors
/// When the old key does not open it, or the database fails.
pub async fn reseal(db: &Db, old: &RootKey, new: &RootKey, clock: &Clock) -> Result<(), Error> {
    db.migrate().await?;
    db.write(|tx| seal_anew(tx, old, new, clock)).await.map(drop)
}

/// Opens every row of the keyring with the old key and seals it with the new one.
async fn seal_anew(mut tx: Tx, old: &RootKey, new: &RootKey, clock: &Clock) -> Result<u32, Error> {
    tx.lock(Lock::Instance).await?;
    let instance = tx.instance().get().await?;
    // Checked again under the lock: the folder's lock does not stop a command on another host.
    if !opens(old, &instance) {
        return Err(Error::Fault(
            "Another host rotated the root key at the same time. Copy its root key file here.".into(),
        ));
    }
    let canary = old.open(instance.uuid, canary_place(), &instance.canary)?;
    tx.instance().set_canary(&new.seal(instance.uuid, canary_place(), canary.expose())).await?;
    let mut rows = 1;
    for row in tx.instance().terms().await? {
        let purpose = Purpose::from_word(&row.purpose)
            .ok_or_else(|| crate::store::corrupt("keyring", "purpose", &row.purpose))?;
        let place = term_place(purpose);
        let term = old.open(instance.uuid, place, &row.sealed)?;
        tx.instance()
            .set_term(purpose.word(), row.term, &new.seal(instance.uuid, place, term.expose()))
            .await?;
        rows += 1;
    }
    let entry = Entry::done(clock.now(), Actor::Host, Action::RootKeyRotate);
    tx.commit(entry.with(format!("{rows} rows sealed with the new key"))).await?;
    Ok(rows)
}
