//! Signing in: the password, then a verification code or a recovery code.

use crate::base::email;
use crate::base::entry::{Actor, Entry, Place};
use crate::base::error::ChangesError;
use crate::base::error::PeopleError;
use crate::base::log::or_warn;
use crate::base::shares::Holder;
use crate::changes::recovery;
use crate::changes::throttle::{RIGHT_TRY, TryKind};
use crate::changes::totp;
use crate::changes::totp::{Enrolment, Seed};
use crate::people::People;
use crate::people::password::Verified;
use crate::people::sessions::Owner;
use crate::store::authority::{Key, RowRef};
use crate::store::users::User;
use crate::{Client, Error, NewSession, SecretBytes, SecretText, Session, Stage};
use domain::audit::event::Action;

const SEED_NOTE: &str = "authenticator";

impl People {
    /// Checks the password, the first step. Known and unknown names cause the same work and get the same answer.
    ///
    /// # Errors
    /// [`PeopleError::NotAnEmail`] for a name that is too long; [`PeopleError::WrongPassword`]; [`ChangesError::Blocked`] after too many tries; [`Error::Busy`], which counts no try.
    pub async fn check_password(
        &self,
        name: &str,
        password: SecretText,
        from: Client,
        replaces: Option<&Session>,
    ) -> Result<NewSession, Error> {
        let name = email::checked_length(name)?;
        let own = self.changes.owner(name, &from.devices).await?;
        let holder = own.as_ref().map_or_else(|| from.holder(), |user| Holder::Person(user.id()));
        let place = self.hasher.place(holder)?;
        let tries = match &own {
            Some(user) => self.changes.begin_own_try(user.id()).await?,
            None => self.changes.begin_strangers_try(Some(self.changes.name_subject(name)), &from).await?,
        };
        let user = match own {
            Some(user) => Some(user),
            None => self.changes.named(name).await?,
        };
        let is_counted = !tries.is_past() || self.changes.may_pass_for(name).await?;
        // A disabled administrator gets the same answer as an unknown name. Without a counted try no password is right.
        let enabled = user.as_ref().filter(|user| user.disabled_at.is_none() && is_counted);
        let stored = enabled.map(|user| user.password_hash.clone());
        let verified = self.hasher.verify(place, password, stored).await?;
        let user = match (user, verified) {
            // An administrator who is disabled is not in this arm, because a check without a stored hash is never right.
            (Some(user), Verified::Right) => user,
            (Some(user), Verified::RightButOutgrown(hash)) => {
                self.renew_hash(&user, &hash).await?;
                user
            }
            (user, _) => {
                match tries.is_past() {
                    // Known and unknown names alike.
                    true => {
                        self.changes
                            .strangers()
                            .record(Action::SignIn, "wrong behind a full counter", &from)
                            .await?
                    }
                    false => self.record_wrong_password(user, from).await?,
                }
                return Err(tries.refusal(Error::People(PeopleError::WrongPassword)));
            }
        };
        tries.give_back(&self.changes).await?;
        let replaces = replaces.map(|old| old.id);
        let (user, from) = (&user, &from);
        self.vault
            .db()
            .write(|mut tx| async move {
                // The epoch is that from before the check, so a session for somebody who was disabled meanwhile is over at once.
                let owner = Some(owner(user));
                let new = self.open_session(&mut tx, Stage::Password, owner, from, replaces).await?;
                tx.commit_unaudited("the password was right; the event is the whole sign-in").await?;
                Ok(new)
            })
            .await
    }

    async fn renew_hash(&self, user: &User, hash: &str) -> Result<(), Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                // The old hash is a condition: a password that was changed during the check stays.
                tx.users().renew_password_hash(user.id(), &user.password_hash, hash).await?;
                self.vault.sign(&mut tx, held).await?;
                tx.commit_unaudited("the same password under the parameters of today").await
            })
            .await
    }

    /// Records a failed sign-in. It does not record an unknown name, because people type passwords into the wrong field.
    async fn record_wrong_password(&self, user: Option<User>, from: Client) -> Result<(), Error> {
        let Some(user) = user else {
            return self.changes.strangers().record(Action::SignIn, "unknown e-mail", &from).await;
        };
        let why = if user.disabled_at.is_some() { "disabled administrator" } else { "wrong password" };
        let actor = Actor::Person { id: user.id(), email: user.email, address: from.address };
        self.vault.db().record(Entry::refused(self.vault.now(), actor, Action::SignIn).with(why)).await
    }

    /// Checks the verification code, the second step, and signs in.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`]; another [`ChangesError`] after too many tries.
    pub async fn check_sign_in_code(
        &self,
        session: &Session,
        code: &SecretText,
    ) -> Result<NewSession, Error> {
        session.require(Stage::Password)?;
        // On the heap: the futures of the transactions inside are large.
        Box::pin(self.changes.spend_code(session, code, Action::SignIn, &Place::default())).await?;
        let user = &self.vault.person(session.user()?).await?;
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.users().hold_user(user.id(), session.id).await?;
                let owner = Some(owner(user));
                let new =
                    self.open_session(&mut tx, Stage::Full, owner, &session.from, Some(session.id)).await?;
                tx.commit(Entry::done(self.vault.now(), session.actor(), Action::SignIn)).await?;
                Ok(new)
            })
            .await
    }

    /// Checks a recovery code in place of the verification code. The session may then only set up a new authenticator.
    ///
    /// # Errors
    /// [`ChangesError::WrongRecoveryCode`]; [`ChangesError::Blocked`] after too many tries.
    pub async fn check_recovery_code(
        &self,
        session: &Session,
        code: &SecretText,
    ) -> Result<NewSession, Error> {
        session.require(Stage::Password)?;
        let user = &self.vault.person(session.user()?).await?;
        let tried =
            self.changes.begin_try(self.changes.subject(session, user), TryKind::RecoveryCode).await?;
        let now = self.vault.now();
        let spent = self.vault.db().write(|mut tx| async move {
            tx.users().hold_user(user.id(), session.id).await?;
            // Unlike a verification code, it is spent together with its effect: a failure of the database costs none of the ten.
            let (held, hash) =
                (self.vault.hold(&mut tx, RowRef::RecoveryCodes(user.id())).await?, recovery::hash(code));
            let is_genuine = held.has(&Key::Code(user.id().0, hash.clone()));
            if !is_genuine || !tx.users().spend_recovery_code(user.id(), &hash, now).await? {
                return Err(Error::Changes(ChangesError::WrongRecoveryCode));
            }
            self.vault.sign(&mut tx, held).await?;
            let owner = Some(owner(user));
            let new =
                self.open_session(&mut tx, Stage::Enrolment, owner, &session.from, Some(session.id)).await?;
            self.notes.put(&mut tx, new.session.id, SEED_NOTE, Seed::generate().expose()).await?;
            tx.commit(Entry::done(now, session.actor(), Action::SignInRecovery)).await?;
            Ok(new)
        });
        match spent.await {
            Ok(new) => {
                or_warn(self.changes.give_back(tried).await, RIGHT_TRY);
                Ok(new)
            }
            Err(Error::Changes(ChangesError::WrongRecoveryCode)) => {
                // An entry inside the transaction would have been rolled back with it.
                let entry = Entry::refused(now, session.actor(), Action::SignInRecovery);
                self.vault.db().record(entry.with("wrong recovery code")).await?;
                Err(Error::Changes(ChangesError::WrongRecoveryCode))
            }
            Err(error) => Err(error),
        }
    }

    /// Generates the seed of a new authenticator, for a session that may set one up.
    pub(crate) async fn begin_enrolment(
        &self,
        session: &Session,
        tx: &mut crate::store::Tx,
    ) -> Result<(), Error> {
        self.notes.put(tx, session.id, SEED_NOTE, Seed::generate().expose()).await
    }

    /// Returns the authenticator that is not proved yet, to show it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none waits.
    pub async fn enrolment(&self, session: &Session) -> Result<Enrolment, Error> {
        if !matches!(session.stage, Stage::Enrolment | Stage::Full) {
            return Err(Error::Changes(ChangesError::SignedOut));
        }
        let seed: SecretBytes = self.notes.get(session.id, SEED_NOTE).await?.ok_or(Error::NotFound)?;
        let user = self.vault.person(session.user()?).await?;
        Ok(Enrolment::next(&user, Seed::from_bytes(seed)))
    }

    /// Checks the code of the new app. The app then replaces the old one, every other session ends,
    /// and the person is signed in.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`]; another [`ChangesError`] after too many tries.
    pub async fn finish_enrolment(&self, session: &Session, code: &SecretText) -> Result<NewSession, Error> {
        self.vault.require_clock()?;
        let seed = self.enrolment(session).await?.seed;
        let user = &self.vault.person(session.user()?).await?;
        // As a recovery code, not as a code: after twenty wrong codes the new app is the way back in.
        let tried = Box::pin(self.changes.begin_code(session, user, code, TryKind::RecoveryCode)).await?;
        let now = self.vault.now();
        let refused = Entry::refused(now, session.actor(), Action::AuthenticatorReplace);
        let step = self.changes.first_code(&seed, code, now, refused).await?;
        let seed = &seed;
        let new = self
            .vault
            .db()
            .write(|mut tx| async move {
                tx.users().hold_user(user.id(), session.id).await?;
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                let sealed = self.changes.seal_seed(&mut tx, user.id(), seed).await?;
                tx.users().set_authenticator(user.id(), Some(&sealed), now).await?;
                self.vault.sign(&mut tx, held).await?;
                // The code that has proved the new app is spent.
                tx.users().spend_step(user.id(), step, totp::step(now)).await?;
                // The new app has incremented the epoch: with the earlier one the new session would be over at once.
                let security_epoch = tx.users().security_epoch(user.id()).await?;
                let owner = Some(Owner { security_epoch, ..owner(user) });
                let new =
                    self.open_session(&mut tx, Stage::Full, owner, &session.from, Some(session.id)).await?;
                tx.commit(Entry::done(now, session.actor(), Action::AuthenticatorReplace)).await?;
                Ok(new)
            })
            .await?;
        // A recovery code and a new authenticator are what helps after twenty wrong codes, wherever they were counted.
        drop(tried);
        let all = self.changes.subjects(user.id(), &user.email);
        or_warn(self.changes.clear_counters(&all).await, RIGHT_TRY);
        Ok(new)
    }
}

pub(crate) fn owner(user: &User) -> Owner<'_> {
    Owner { id: user.id(), email: &user.email, security_epoch: user.security_epoch }
}
