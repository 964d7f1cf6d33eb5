//! Actions of administrators on their own account.

use crate::base::email;
use crate::base::entry::Entry;
use crate::base::error::PeopleError;
use crate::changes::authority::Authorised;
use crate::changes::recovery;
use crate::changes::throttle::TryKind;
use crate::people::People;
use crate::people::password::Verified;
use crate::people::sessions::Owner;
use crate::people::{password, sign_in};
use crate::store::authority::RowRef;
use crate::store::sessions as store;
use crate::store::users::User;
use crate::{Error, NewSession, SecretText, Session, Stage};
use domain::audit::event::Action;
use domain::base::id::{SessionId, UserId};
use domain::people::command::{ChangePassword, EndSessions, ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::people::view::{ProfileView, SessionRow};

impl People {
    /// # Errors
    /// When the database fails.
    pub async fn profile(&self, session: &Session) -> Result<ProfileView, Error> {
        session.require(Stage::Full)?;
        let user = self.vault.person(session.user()?).await?;
        let sessions = self.alive(&user).await?;
        let rows = sessions.into_iter().map(|row| SessionRow {
            id: SessionId(row.id),
            is_this: SessionId(row.id) == session.id,
            created_at: row.created_at,
            seen_at: row.seen_at,
            address: row.address,
            agent: row.agent,
        });
        Ok(ProfileView {
            recovery_codes_left: self.vault.db().users().recovery_codes_left(user.id()).await?,
            created_at: user.created_at,
            password_changed_at: user.password_changed_at,
            authenticator_since: user.authenticator_since.unwrap_or(user.created_at),
            sessions: rows.collect(),
            email: email::shown(&user.email),
        })
    }

    /// Returns a live session of an administrator.
    pub(super) async fn session_of(&self, user: UserId, id: SessionId) -> Result<store::SessionRow, Error> {
        let alive = self.alive(&self.vault.person(user).await?).await?;
        alive.into_iter().find(|row| SessionId(row.id) == id).ok_or(Error::NotFound)
    }

    /// Plans to end one other session of the administrator that the profile lists, or all of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such other session.
    pub async fn plan_end_sessions(
        &self,
        session: &Session,
        only: Option<SessionId>,
    ) -> Result<EndSessions, Error> {
        session.require(Stage::Full)?;
        let user = session.user()?;
        if let Some(id) = only {
            self.session_of(user, id).await?;
            // Signing out ends this session, and needs no code.
            if id == session.id {
                return Err(Error::NotFound);
            }
        }
        Ok(EndSessions { user, only })
    }

    /// Checks the current and the new password and makes the command of the change. The new
    /// password is hashed here, so that the change that waits for its code does not contain it.
    ///
    /// # Errors
    /// A sentence that says what is wrong with either password.
    pub async fn plan_password(
        &self,
        session: &Session,
        current: SecretText,
        password: SecretText,
        again: &SecretText,
    ) -> Result<ChangePassword, Error> {
        let user = self.require_password(session, current, Action::PasswordChange).await?;
        password::check(&password, again, &user.email)?;
        Ok(ChangePassword {
            user: user.id(),
            password_hash: self.hasher.hash(password, session.holder()).await?,
        })
    }

    /// Checks the current password. A person who changes their credentials must authenticate again with
    /// password and code: the password here, the code when the change is confirmed. A wrong password is
    /// counted like any other.
    async fn require_password(
        &self,
        session: &Session,
        current: SecretText,
        action: Action,
    ) -> Result<User, Error> {
        session.require(Stage::Full)?;
        let user = self.vault.person(session.user()?).await?;
        let place = self.hasher.place(session.holder())?;
        let tried = self.changes.begin_try(self.changes.subject(session, &user), TryKind::Password).await?;
        // From here on an error leaves the try counted, so that a check that is cut off is no free guess.
        let verified = self.hasher.verify(place, current, Some(user.password_hash.clone())).await?;
        if matches!(verified, Verified::Wrong) {
            let entry = Entry::refused(self.vault.now(), session.actor(), action);
            return self.vault.db().refuse(Error::People(PeopleError::WrongCurrentPassword), entry).await;
        }
        self.changes.give_back(tried).await?;
        Ok(user)
    }

    /// Returns the command that allows setting up another authenticator.
    ///
    /// # Errors
    /// [`PeopleError::WrongCurrentPassword`]; another error after too many tries.
    pub async fn plan_authenticator(
        &self,
        session: &Session,
        current: SecretText,
    ) -> Result<ReplaceAuthenticator, Error> {
        let user = self.require_password(session, current, Action::AuthenticatorReplace).await?;
        Ok(ReplaceAuthenticator { user: user.id() })
    }

    /// Returns the command that makes new recovery codes.
    ///
    /// # Errors
    /// As [`People::plan_authenticator`].
    pub async fn plan_recovery_codes(
        &self,
        session: &Session,
        current: SecretText,
    ) -> Result<ReplaceRecoveryCodes, Error> {
        let user = self.require_password(session, current, Action::RecoveryCodesReplace).await?;
        Ok(ReplaceRecoveryCodes { user: user.id() })
    }

    /// Ends one other session, or all of them, and returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sessions(
        &self,
        proof: Authorised<EndSessions>,
        session: &Session,
    ) -> Result<u64, Error> {
        let proof = &proof;
        self.vault
            .db()
            .write(|mut tx| async move {
                let EndSessions { user, only } = *proof.command();
                let ended = tx.sessions().delete_others(user, session.id, only).await?;
                tx.commit(proof.entry(format!("{ended} ended"))).await?;
                Ok(ended)
            })
            .await
    }

    /// Stores the new password. Every other session ends, and this one gets a new token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_password(
        &self,
        proof: Authorised<ChangePassword>,
        session: &Session,
    ) -> Result<NewSession, Error> {
        let user = &self.vault.person(proof.command().user).await?;
        let proof = &proof;
        self.vault
            .db()
            .write(|mut tx| async move {
                // Before the password is set, which increments the epoch that this compares with the session's.
                tx.users().hold_user(user.id(), session.id).await?;
                let held = self.vault.hold(&mut tx, RowRef::Administrator(user.id())).await?;
                tx.users().set_password(user.id(), &proof.command().password_hash, proof.at()).await?;
                self.vault.sign(&mut tx, held).await?;
                // The incremented epoch: with the earlier one the new session would be over at once.
                let security_epoch = tx.users().security_epoch(user.id()).await?;
                let owner = Some(Owner { security_epoch, ..sign_in::owner(user) });
                let new =
                    self.open_session(&mut tx, Stage::Full, owner, &session.from, Some(session.id)).await?;
                tx.commit(proof.entry("")).await?;
                Ok(new)
            })
            .await
    }

    /// Allows this session to set up another authenticator; the old one works until then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_authenticator(
        &self,
        proof: Authorised<ReplaceAuthenticator>,
        session: &Session,
    ) -> Result<(), Error> {
        let proof = &proof;
        self.vault
            .db()
            .write(|mut tx| async move {
                self.begin_enrolment(session, &mut tx).await?;
                tx.commit(proof.entry("begun")).await
            })
            .await
    }

    /// Makes ten new recovery codes, to be shown in this session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_recovery_codes(
        &self,
        proof: Authorised<ReplaceRecoveryCodes>,
        session: &Session,
    ) -> Result<(), Error> {
        let proof = &proof;
        self.vault
            .db()
            .write(|mut tx| async move {
                let codes = recovery::generate();
                self.changes
                    .store_recovery_codes(&mut tx, proof.command().user, Some(session.id), &codes)
                    .await?;
                tx.commit(proof.entry("")).await
            })
            .await
    }

    /// Returns the recovery codes that still wait to be shown in this session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none wait.
    pub async fn recovery_codes(&self, session: &Session) -> Result<Vec<String>, Error> {
        session.require(Stage::Full)?;
        let note = self.notes.get(session.id, recovery::NOTE).await?.ok_or(Error::NotFound)?;
        let text = String::from_utf8_lossy(note.expose());
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Deletes the kept recovery codes, because the person has them; they are never shown again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_recovery_codes(&self, session: &Session) -> Result<(), Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.sessions().delete_note(session.id, recovery::NOTE).await?;
                tx.commit_unaudited("recovery codes were seen").await
            })
            .await
    }
}
