//! Administrators: accounts that are not proved yet, and the commands for administrators at the
//! host's command line.

use crate::base::entry::{Actor, Entry};
use crate::base::error::PeopleError;
use crate::base::log::or_warn;
use crate::base::shares::Holder;
use crate::base::{email, random};
use crate::changes::Changes;
use crate::changes::recovery;
use crate::changes::totp::{Enrolment, Seed};
use crate::people::password;
use crate::people::password::Hasher;
use crate::store::Lock;
use crate::store::authority::{Claimed, RowRef};
use crate::store::users::{NewUser, User};
use crate::vault::opened::Vault;
use crate::{Error, SecretBytes, SecretText};
use domain::audit::event::Action;
use domain::base::id::UserId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// An account that is not proved yet; a setup session keeps it sealed.
pub(crate) struct Account {
    pub email: String,
    pub password_hash: String,
    pub seed: Seed,
}

#[derive(Serialize, Deserialize)]
struct AccountNote {
    email: String,
    password_hash: String,
    seed: Zeroizing<Vec<u8>>,
}

impl Account {
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let note = AccountNote {
            email: self.email.clone(),
            password_hash: self.password_hash.clone(),
            seed: Zeroizing::new(self.seed.expose().to_vec()),
        };
        Zeroizing::new(serde_json::to_vec(&note).unwrap_or_default())
    }

    pub fn from_bytes(bytes: &SecretBytes) -> Result<Self, Error> {
        let mut note: AccountNote = serde_json::from_slice(bytes.expose())
            .map_err(|_| Error::Fault("a kept account cannot be read".into()))?;
        let seed = Seed::from_bytes(SecretBytes::new(std::mem::take(&mut *note.seed)));
        Ok(Self { email: note.email, password_hash: note.password_hash, seed })
    }
}

/// The room of the host's command line for administrators.
#[derive(Clone)]
pub struct Administrators {
    vault: Vault,
    changes: Changes,
    hasher: Arc<Hasher>,
}

impl Administrators {
    pub(super) fn new(vault: Vault, changes: Changes, hasher: Arc<Hasher>) -> Self {
        Self { vault, changes, hasher }
    }

    /// Returns the e-mail addresses of administrators whose seed does not open.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn unopened(&self) -> Result<Vec<String>, Error> {
        let users = self.vault.db().users().all().await?.into_iter().map(Claimed::unproved);
        let unopened = users.filter(|user| self.changes.open_seed(user).is_err());
        Ok(unopened.map(|user| format!("the authenticator of {}", user.email)).collect())
    }

    /// Creates an administrator (`keystead admin create`). Without a given seed it generates one. Seed and recovery codes are shown
    /// before the account exists, so that no account exists whose codes nobody has seen. An account whose row does not verify is
    /// replaced as a whole.
    ///
    /// # Errors
    /// A sentence that says what is wrong with e-mail or password; the error of `show`. The account then does not exist.
    pub async fn create(
        &self,
        email: &str,
        password: SecretText,
        seed: Option<Seed>,
        show: impl FnOnce(&Enrolment, &[SecretText]) -> Result<(), Error>,
    ) -> Result<(Seed, Vec<SecretText>), Error> {
        let email = email::parse(email)?;
        password::check(&password, &password, &email)?;
        // What is shown for nothing would look like an account. Only the index decides.
        let damaged =
            match self.vault.db().users().by_email(&email).await?.map(|found| self.vault.checked(found)) {
                Some((_, None)) => return Err(PeopleError::EmailTaken.into()),
                Some((user, Some(_))) => Some(user),
                None => None,
            };
        let password_hash = self.hasher.hash(password, Holder::Host).await?;
        let seed = seed.unwrap_or_else(Seed::generate);
        // Drawn outside the transaction, which may run again: the operator must see the seed and the codes that were stored.
        let codes = recovery::generate();
        let enrolment = match &damaged {
            Some(user) => Enrolment::next(user, seed),
            None => Enrolment::first(&email, seed),
        };
        show(&enrolment, &codes)?;
        let id = damaged.as_ref().map_or_else(|| UserId(random::uuid()), User::id);
        let is_damaged = damaged.is_some();
        let (address, password_hash, drawn, hashed) = (&email, &password_hash, &enrolment.seed, &codes);
        self.vault
            .db()
            .write(|mut tx| async move {
                // The same lock as in setup: they run one after the other, and do not wait for each other's rows.
                tx.lock(Lock::Instance).await?;
                let sealed = self.changes.seal_seed(&mut tx, id, drawn).await?;
                // No code has proved the seed yet, so no step of it is spent.
                let now = self.vault.now();
                if is_damaged {
                    // Checked again under the lock: another command may have replaced it meanwhile.
                    if self.vault.hold(&mut tx, RowRef::Administrator(id)).await.is_ok() {
                        return Err(PeopleError::EmailTaken.into());
                    }
                    tx.users().set_password(id, password_hash, now).await?;
                    tx.users().set_authenticator(id, Some(&sealed), now).await?;
                    tx.users().set_disabled(id, None).await?;
                } else {
                    let new = NewUser { id, email: address, password_hash, totp_seed: Some(&sealed) };
                    tx.users().insert(new, now).await?;
                }
                self.vault.sign_new(&mut tx, RowRef::Administrator(id)).await?;
                tx.instance().delete_setup_tokens().await?;
                self.changes.store_recovery_codes(&mut tx, id, None, hashed).await?;
                let detail = if is_damaged { " (replaces a row that did not verify)" } else { "" };
                let entry =
                    Entry::done(now, Actor::Host, Action::UserCreate).with(format!("{address}{detail}"));
                tx.commit(entry).await
            })
            .await?;
        self.forget_failures(id, &email).await;
        Ok((enrolment.seed, codes))
    }

    /// Sets a new password and ends every session of the administrator (`keystead admin reset-password`).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail; a sentence that says what is wrong with the password.
    pub async fn reset_password(&self, email: &str, password: SecretText) -> Result<(), Error> {
        let user = self.user_by_email(email).await?;
        password::check(&password, &password, &user.email)?;
        let hash = self.hasher.hash(password, Holder::Host).await?;
        let (who, hash) = (&user, &hash);
        self.vault
            .db()
            .write(|mut tx| async move {
                let held = self.vault.hold(&mut tx, RowRef::Administrator(who.id())).await?;
                tx.users().set_password(who.id(), hash, self.vault.now()).await?;
                self.vault.sign(&mut tx, held).await?;
                tx.commit(Entry::done(self.vault.now(), Actor::Host, Action::PasswordReset).with(&who.email))
                    .await
            })
            .await?;
        self.forget_failures(user.id(), &user.email).await;
        Ok(())
    }

    /// Sets a new seed, ends every session and clears the failure counter (`keystead admin reset-totp`). The seed is shown before
    /// the old one stops working.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail; the error of `show`. The old seed then still works.
    pub async fn reset_authenticator(
        &self,
        email: &str,
        show: impl FnOnce(&Enrolment) -> Result<(), Error>,
    ) -> Result<Seed, Error> {
        let user = self.user_by_email(email).await?;
        let enrolment = Enrolment::next(&user, Seed::generate());
        show(&enrolment)?;
        let (who, drawn) = (&user, &enrolment.seed);
        self.vault
            .db()
            .write(|mut tx| async move {
                let held = self.vault.hold(&mut tx, RowRef::Administrator(who.id())).await?;
                let sealed = self.changes.seal_seed(&mut tx, who.id(), drawn).await?;
                tx.users().set_authenticator(who.id(), Some(&sealed), self.vault.now()).await?;
                self.vault.sign(&mut tx, held).await?;
                let entry = Entry::done(self.vault.now(), Actor::Host, Action::AuthenticatorReset);
                tx.commit(entry.with(&who.email)).await
            })
            .await?;
        self.forget_failures(user.id(), &user.email).await;
        Ok(enrolment.seed)
    }

    /// Ends every session of the administrator, and every change that waits (`keystead admin sign-out`).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail.
    pub async fn sign_out_everywhere(&self, email: &str) -> Result<(), Error> {
        let user = &self.user_by_email(email).await?;
        self.vault
            .db()
            .write(|mut tx| async move {
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                tx.users().end_sessions(user.id()).await?;
                self.vault.sign(&mut tx, held).await?;
                tx.commit(Entry::done(self.vault.now(), Actor::Host, Action::UserSignOut).with(&user.email))
                    .await
            })
            .await
    }

    /// Forbids the administrator to sign in and ends every session at once (`keystead admin disable`).
    /// Returns the number of administrators who can still sign in.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail.
    pub async fn disable(&self, email: &str) -> Result<i64, Error> {
        let user = &self.user_by_email(email).await?;
        self.vault
            .db()
            .write(|mut tx| async move {
                // The lock keeps the count true: when two operators disable the last two administrators, the second reads 0.
                tx.lock(Lock::Instance).await?;
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                tx.users().set_disabled(user.id(), Some(self.vault.now())).await?;
                // The sign-in reads `disabled_at` at the password only, so sessions and half sign-ins end by the epoch.
                tx.users().end_sessions(user.id()).await?;
                self.vault.sign(&mut tx, held).await?;
                let left = tx.users().count_enabled().await?;
                tx.commit(Entry::done(self.vault.now(), Actor::Host, Action::UserDisable).with(&user.email))
                    .await?;
                Ok(left)
            })
            .await
    }

    /// Lets the administrator sign in again, with the same password and app as before (`keystead admin enable`).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail.
    pub async fn enable(&self, email: &str) -> Result<(), Error> {
        let user = &self.user_by_email(email).await?;
        self.vault
            .db()
            .write(|mut tx| async move {
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                tx.users().set_disabled(user.id(), None).await?;
                self.vault.sign(&mut tx, held).await?;
                tx.commit(Entry::done(self.vault.now(), Actor::Host, Action::UserEnable).with(&user.email))
                    .await
            })
            .await
    }

    /// Clears the failures counted for the name, so that its owner need not wait because of a stranger's
    /// guesses (`keystead admin unblock`).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail.
    pub async fn unblock(&self, email: &str) -> Result<(), Error> {
        let user = &self.user_by_email(email).await?;
        let subjects = &self.changes.subjects(user.id(), &user.email);
        self.vault
            .db()
            .write(|mut tx| async move {
                self.changes.clear_held(&mut tx, subjects).await?;
                tx.commit(Entry::done(self.vault.now(), Actor::Host, Action::UserUnblock).with(&user.email))
                    .await
            })
            .await
    }

    /// Clears the failures of a person after an action that is done already, so an error is only logged.
    async fn forget_failures(&self, person: UserId, email: &str) {
        let cleared = self.changes.clear_counters(&self.changes.subjects(person, email)).await;
        or_warn(cleared, "an administrator's count of failed attempts could not be reset");
    }

    async fn user_by_email(&self, email: &str) -> Result<User, Error> {
        let found = self.vault.db().users().by_email(email).await?;
        self.vault.proved(found.ok_or(Error::NotFound)?)
    }
}
