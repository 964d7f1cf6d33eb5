//! The proof of rows that give authority. What does not verify gives nothing: it is logged, recorded in the audit log, and shown.
//!
//! The bound: a row *together with its revision*, both put back as they were, verifies again. A server that has seen a later
//! revision in its life does not take it.

use crate::Error;
use crate::base::clock::Steady;
use crate::base::entry::{Actor, Entry};
use crate::base::error::VaultError;
use crate::store::Tx;
use crate::store::authority::{Claim, Claimed, Key, Kind, RevisionPlace, RowRef, Signed};
use crate::store::overview::GridEnvironment;
use crate::store::scopes::{ClaimedScope, Environment, Named, Scope};
use crate::store::users::User;
use crate::vault::envelope::{Keyring, Purpose};
use crate::vault::opened::Vault;
use domain::audit::event::Action;
use domain::base::id::UserId;
use domain::changes::view::About;
use domain::keys::view::VersionRow;
use domain::scopes::command::ScopeRef;
use domain::scopes::scope::ScopeName;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Maximum number of rows that a server names, in the log and in the audit log.
const NAMED: usize = 1_000;

/// What a server knows of rows from its own life.
#[derive(Default)]
pub(super) struct Noticed {
    /// Names of rows that do not verify, and whether the audit log has them.
    unproved: Mutex<BTreeMap<String, bool>>,
    any: AtomicBool,
    revisions: Mutex<HashMap<(Kind, Uuid), Known>>,
}

/// The highest revision of a row that was proved, and since when a lower one is read.
struct Known {
    revision: i64,
    lower_since: Option<Steady>,
}

/// What a server finds of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Latest,
    /// It has changed a moment ago.
    Overtaken,
    /// It is as it was before.
    PutBack,
    /// Its code is not right.
    Foreign,
}

/// Time for which an answer of the database may be under way.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A row that a transaction may sign: it was proved before its change, or the transaction has made it.
#[must_use = "a row that is not signed gives nothing"]
pub(crate) struct Held {
    row: RowRef,
    /// The rows that may be signed; `None` for all that there are.
    these: Option<Vec<Key>>,
}

impl Held {
    /// Checks whether the row with this key verifies.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.these.as_ref().is_some_and(|these| these.contains(key))
    }
}

/// A row that pages mark when it does not verify.
pub(crate) trait Shown {
    fn is_proved(&mut self) -> &mut bool;
}

impl Shown for VersionRow {
    fn is_proved(&mut self) -> &mut bool {
        &mut self.is_proved
    }
}

impl Shown for Environment {
    fn is_proved(&mut self) -> &mut bool {
        &mut self.row.is_proved
    }
}

impl Shown for GridEnvironment {
    fn is_proved(&mut self) -> &mut bool {
        &mut self.is_proved
    }
}

impl Shown for Scope {
    fn is_proved(&mut self) -> &mut bool {
        &mut self.row.is_proved
    }
}

/// Numbers of rows of each kind.
pub type Counts = BTreeMap<Kind, usize>;

impl Keyring {
    /// Computes the code of what a row says, at its place and revision.
    fn code(&self, instance: Uuid, claim: &Claim, revision: i64) -> [u8; 32] {
        let RevisionPlace { row, column } = &claim.place;
        let parts: [&[u8]; 6] = [
            b"keystead authority row v1",
            instance.as_bytes(),
            row.as_bytes(),
            column.as_bytes(),
            &revision.to_be_bytes(),
            claim.said.as_bytes(),
        ];
        let mut message = Vec::with_capacity(320);
        for part in parts {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        self.keyed_hash(Purpose::Authority, &message)
    }
}

impl Vault {
    /// Computes the code of a row at a revision.
    pub(crate) fn code(&self, claim: &Claim, revision: i64) -> [u8; 32] {
        self.keyring().code(self.instance(), claim, revision)
    }

    /// Checks whether Keystead wrote what a row claims, and notices it if not.
    pub(crate) fn proves(&self, claim: &Claim) -> bool {
        let is_genuine = claim
            .mac
            .as_ref()
            .is_some_and(|mac| self.code(claim, claim.revision).ct_eq(mac.as_slice()).into())
            && (claim.revision > 0 || !claim.kind.ends());
        let verdict = if is_genuine { self.age(claim) } else { Age::Foreign };
        match verdict {
            Age::Latest => self.forget(&claim.name),
            // An answer that was under way while the row changed is no sign of anything.
            Age::Overtaken => {}
            Age::PutBack | Age::Foreign => self.notice(&claim.name),
        }
        verdict == Age::Latest
    }

    /// Compares the revision of a genuine row with the highest that this server has proved.
    fn age(&self, claim: &Claim) -> Age {
        if !claim.kind.is_remembered() {
            return Age::Latest;
        }
        let now = self.steady();
        let mut known = self.noticed().revisions.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Known { revision: claim.revision, lower_since: None };
        let known = known.entry((claim.kind, claim.place.row)).or_insert(fresh);
        if claim.revision >= known.revision {
            *known = Known { revision: claim.revision, lower_since: None };
            return Age::Latest;
        }
        let since = *known.lower_since.get_or_insert(now);
        if now.since(since) > UNDER_WAY { Age::PutBack } else { Age::Overtaken }
    }

    /// Forgets that a row did not verify: it does now.
    pub(crate) fn forget(&self, name: &str) {
        if self.noticed().any.load(Ordering::Relaxed) {
            let mut unproved = self.noticed().unproved.lock().unwrap_or_else(PoisonError::into_inner);
            unproved.remove(name);
            self.noticed().any.store(!unproved.is_empty(), Ordering::Relaxed);
        }
    }

    /// Returns the row if it verifies.
    ///
    /// # Errors
    /// [`VaultError::Unproved`] when it does not.
    pub(crate) fn proved<T>(&self, claimed: Claimed<T>) -> Result<T, Error> {
        match self.checked(claimed) {
            (row, None) => Ok(row),
            (_, Some(name)) => Err(Error::Vault(VaultError::Unproved(name))),
        }
    }

    /// Returns the row, and its name if it does not verify, for a page that shows it as such.
    pub(crate) fn checked<T>(&self, claimed: Claimed<T>) -> (T, Option<String>) {
        let unproved = (!self.proves(claimed.claim())).then(|| claimed.claim().name.clone());
        (claimed.unproved(), unproved)
    }

    /// Returns the row, marked when it does not verify, for a page that shows it as such.
    pub(crate) fn shown<T: Shown>(&self, claimed: Claimed<T>) -> T {
        let (mut row, unproved) = self.checked(claimed);
        *row.is_proved() = unproved.is_none();
        row
    }

    /// Returns an administrator.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`VaultError::Unproved`].
    pub(crate) async fn person(&self, id: UserId) -> Result<User, Error> {
        self.proved(self.db().users().get(id).await?)
    }

    /// Returns a scope as commands name it, and its environment's display name.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`VaultError::Unproved`] when the country or its environment does not verify.
    pub(crate) async fn scope(&self, name: &ScopeName) -> Result<(ScopeRef, String), Error> {
        let Named { id, environment_name, .. } = self.named(self.db().scopes().named(name).await?)?;
        Ok((ScopeRef { id, name: name.clone() }, environment_name))
    }

    /// Returns a scope as the preview of a change names it.
    ///
    /// # Errors
    /// As [`Vault::scope`].
    pub(crate) async fn about(&self, name: &ScopeName) -> Result<About, Error> {
        let (_, environment_name) = self.scope(name).await?;
        Ok(About::Scope { name: name.clone(), environment_name })
    }

    /// Returns a scope whose row and whose environment's row verify.
    ///
    /// # Errors
    /// [`VaultError::Unproved`].
    pub(crate) fn named(&self, ClaimedScope { scope, environment }: ClaimedScope) -> Result<Named, Error> {
        self.proved(environment)?;
        self.proved(scope)
    }

    /// Returns the rows that verify; the others are noticed and left out.
    pub(crate) fn only_proved<T>(&self, rows: Vec<Claimed<T>>) -> Vec<T> {
        rows.into_iter().filter_map(|row| self.proved(row).ok()).collect()
    }

    /// Returns the rows that can be read and verify; the others are noticed and left out.
    pub(crate) fn only_readable<T>(&self, rows: Vec<Result<Claimed<T>, Error>>) -> Vec<T> {
        let readable = |row: Result<Claimed<T>, Error>| match row {
            Ok(row) => self.proved(row).ok(),
            Err(error) => {
                self.notice(&error.to_string());
                None
            }
        };
        rows.into_iter().filter_map(readable).collect()
    }

    pub(crate) fn notice(&self, name: &str) {
        let mut unproved = self.noticed().unproved.lock().unwrap_or_else(PoisonError::into_inner);
        if unproved.len() < NAMED && !unproved.contains_key(name) {
            tracing::error!(
                row = name,
                "a row of the database is damaged or was not written by Keystead, so it gives nothing; run `keystead doctor`"
            );
            unproved.insert(name.to_owned(), false);
            self.noticed().any.store(true, Ordering::Relaxed);
        }
    }

    /// Returns how many rows this server has found that do not verify.
    pub(crate) fn unproved(&self) -> usize {
        self.noticed().unproved.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Proves and locks a row that the transaction is about to change. It is signed afterwards.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such row; [`VaultError::Unproved`] when it does not verify: signing it would make
    /// genuine what somebody else wrote.
    pub(crate) async fn hold(&self, tx: &mut Tx, row: RowRef) -> Result<Held, Error> {
        tx.authority().lock(&row).await?;
        let claims = tx.authority().claims(&row).await?;
        // Of a person's recovery codes, each one that verifies is good by itself.
        let is_set = matches!(row, RowRef::RecoveryCodes(_));
        if claims.is_empty() && !is_set {
            return Err(Error::NotFound);
        }
        let mut these = Vec::with_capacity(claims.len());
        for claim in claims {
            if self.proves(&claim) {
                these.push(claim.key);
            } else if !is_set {
                return Err(Error::Vault(VaultError::Unproved(claim.name)));
            }
        }
        Ok(Held { row, these: Some(these) })
    }

    /// Signs a row that the transaction has made, or has replaced as a whole.
    pub(crate) async fn sign_new(&self, tx: &mut Tx, row: RowRef) -> Result<(), Error> {
        self.sign(tx, Held { row, these: None }).await
    }

    /// Signs the recovery codes that the transaction has made for a person, and no other.
    pub(crate) async fn sign_codes(
        &self,
        tx: &mut Tx,
        user: UserId,
        hashes: Vec<Vec<u8>>,
    ) -> Result<(), Error> {
        let these = hashes.into_iter().map(|hash| Key::Code(user.0, hash)).collect();
        self.sign(tx, Held { row: RowRef::RecoveryCodes(user), these: Some(these) }).await
    }

    /// Signs a row as the transaction has left it, under its next revision.
    pub(crate) async fn sign(&self, tx: &mut Tx, Held { row, these }: Held) -> Result<(), Error> {
        let mut claims = tx.authority().claims(&row).await?;
        if let Some(these) = these {
            claims.retain(|claim| these.contains(&claim.key));
        }
        let Some(first) = claims.first() else { return Ok(()) };
        let revision = match first.kind {
            Kind::SetupToken => 0,
            _ => tx.revisions().next(first.place.row, &first.place.column).await?,
        };
        let macs: Vec<(Key, [u8; 32])> =
            claims.iter().map(|claim| (claim.key.clone(), self.code(claim, revision))).collect();
        tx.authority().set_macs(first.kind, &macs).await
    }
}

/// Signs a row that a statement changes together with others: what it says now, and what it says afterwards. Returns nothing for a
/// row that does not verify, because the change must not make it genuine.
pub(crate) fn resigned(vault: &Vault, now: Claim, changed: &Claim) -> Option<Signed> {
    if !vault.proves(&now) {
        return None;
    }
    let revision = now.revision + 1;
    let mac = vault.code(changed, revision);
    Some(Signed { key: now.key, place: now.place, revision, mac })
}

/// Records the rows that do not verify in the audit log, each once in the life of a server.
///
/// # Errors
/// When the database fails.
pub(crate) async fn record_unproved(vault: &Vault) -> Result<(), Error> {
    let new: Vec<String> = {
        let unproved = vault.noticed().unproved.lock().unwrap_or_else(PoisonError::into_inner);
        unproved.iter().filter(|(_, is_recorded)| !**is_recorded).map(|(name, _)| name.clone()).collect()
    };
    if new.is_empty() {
        return Ok(());
    }
    let names = names(vault).await?;
    let line = |name: &String| {
        let entry = Entry::refused(vault.now(), Actor::Scheduler, Action::DatabaseDamaged);
        entry.with(readable(name, &names))
    };
    let lines: &Vec<Entry> = &new.iter().map(line).collect();
    vault.db().write(|tx| async move { tx.commit_all(lines).await }).await?;
    let mut unproved = vault.noticed().unproved.lock().unwrap_or_else(PoisonError::into_inner);
    for name in &new {
        // Unless it was mended meanwhile.
        unproved.entry(name.clone()).and_modify(|is_recorded| *is_recorded = true);
    }
    Ok(())
}

/// Returns the names that people know, by ids.
async fn names(vault: &Vault) -> Result<HashMap<Uuid, String>, Error> {
    Ok(vault.db().authority().names().await?.into_iter().collect())
}

/// Returns the names of all rows that do not verify.
///
/// # Errors
/// When the database fails.
pub(crate) async fn all_unproved(vault: &Vault) -> Result<Vec<String>, Error> {
    let (mut unproved, names) = (Vec::new(), names(vault).await?);
    for kind in Kind::ALL {
        let mut after = None;
        loop {
            let claims = vault.db().authority().page(kind, after.as_ref()).await?;
            // A row that cannot be read has no place in the order.
            let placed = |claim: &&Claim| claim.key != Key::Bytes(Vec::new());
            let last = claims.iter().rfind(placed).map(|last| last.key.clone());
            let is_last = last.is_none() || last == after;
            after = last;
            let broken = claims.into_iter().filter(|claim| !vault.proves(claim));
            unproved.extend(broken.map(|claim| readable(&claim.name, &names)));
            if is_last {
                break;
            }
        }
    }
    Ok(unproved)
}

/// Replaces the id at the end of a row's name by the name that people know.
fn readable(name: &str, names: &HashMap<Uuid, String>) -> String {
    let known = name.rsplit_once(' ').and_then(|(what, id)| {
        let known = names.get(&id.parse().ok()?)?;
        Some(format!("{what} {known}"))
    });
    known.unwrap_or_else(|| name.to_owned())
}

/// Signs every row of a database of an earlier release, in the transaction that also adds the term. Returns the numbers of rows.
pub(super) async fn adopt(tx: &mut Tx, keyring: &Keyring, instance: Uuid) -> Result<Counts, Error> {
    let mut adopted = Counts::new();
    tx.authority().set_revision_ids().await?;
    for kind in Kind::ALL {
        let mut after = None;
        loop {
            let claims = tx.authority().page(kind, after.as_ref()).await?;
            let Some(last) = claims.last() else { break };
            after = Some(last.key.clone());
            *adopted.entry(kind).or_default() += claims.len();
            let mut macs = Vec::with_capacity(claims.len());
            let mut revisions = HashMap::new();
            for claim in claims {
                let revision = match revisions.get(&claim.place) {
                    Some(revision) => *revision,
                    None if kind.ends() => {
                        let next = tx.revisions().next(claim.place.row, &claim.place.column).await?;
                        revisions.insert(claim.place.clone(), next);
                        next
                    }
                    None => claim.revision,
                };
                let code = keyring.code(instance, &claim, revision);
                macs.push((claim.key, code));
            }
            tx.authority().set_macs(kind, &macs).await?;
        }
    }
    Ok(adopted)
}
