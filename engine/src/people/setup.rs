//! The first run: from the setup token to the first administrator.

use crate::base::entry::Entry;
use crate::base::error::PeopleError;
use crate::base::log::or_warn;
use crate::base::{email, random};
use crate::changes::recovery;
use crate::changes::throttle::{RIGHT_TRY, TryKind};
use crate::changes::totp::{Enrolment, Seed};
use crate::people::People;
use crate::people::password;
use crate::people::users::Account;
use crate::store::authority::RowRef;
use crate::store::users::NewUser;
use crate::store::{Lock, Tx};
use crate::vault::opened::AHEAD;
use crate::{Client, Error, NewSession, SecretText, Session, Stage};
use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use domain::audit::event::Action;
use domain::base::id::UserId;
use domain::base::typed::trimmed;
use sha2::{Digest, Sha256};

/// Time after which a setup token expires, in minutes.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(1);
const NOTE: &str = "setup account";

/// The state of the setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupState {
    Open,
    /// There is no token that is younger than 60 minutes.
    Expired,
    /// There is an administrator.
    Done,
}

fn token_hash(token: &SecretText) -> Vec<u8> {
    // People copy the token from a terminal or a file, often with the line break behind it.
    Sha256::digest(trimmed(token.expose()).as_bytes()).to_vec()
}

impl People {
    /// # Errors
    /// When the database fails.
    pub async fn setup_state(&self) -> Result<SetupState, Error> {
        if self.is_set_up().await? {
            return Ok(SetupState::Done);
        }
        let open = self.vault.db().instance().has_setup_token(self.vault.now()).await?;
        Ok(if open { SetupState::Open } else { SetupState::Expired })
    }

    /// Checks whether the portal is set up. Without an administrator it is all the same once it has an environment: then somebody
    /// has taken the administrators away, and only the host makes another.
    async fn is_set_up(&self) -> Result<bool, Error> {
        if self.vault.db().users().any().await? {
            return Ok(true);
        }
        let is_orphaned = self.vault.db().scopes().any_environment().await?;
        if is_orphaned {
            tracing::error!(
                "there is no administrator, but there are environments; run `keystead admin create`"
            );
        }
        Ok(is_orphaned)
    }

    /// Makes the setup token of this start, which replaces the one that this server made before.
    /// Returns `None` once there is an administrator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn issue_setup_token(&self, before: Option<SecretText>) -> Result<Option<SecretText>, Error> {
        if self.is_set_up().await? {
            return Ok(None);
        }
        let token = SecretText::new(BASE64URL_NOPAD.encode(&random::bytes::<32>()));
        let (old, new) = (before.as_ref().map(token_hash), token_hash(&token));
        let (old, new) = (&old, &new);
        self.vault
            .db()
            .write(|mut tx| async move {
                if let Some(old) = old {
                    tx.instance().delete_setup_token(old).await?;
                }
                tx.instance().insert_setup_token(new, self.vault.now() + TOKEN_LIFE).await?;
                self.vault.sign_new(&mut tx, RowRef::SetupToken(new.clone())).await?;
                tx.commit_unaudited("a setup token is issued at start").await
            })
            .await?;
        Ok(Some(token))
    }

    /// Opens a setup session with the token.
    ///
    /// # Errors
    /// When the token is wrong or expired, or there is an administrator already.
    pub async fn enter_setup(&self, token: &SecretText, from: Client) -> Result<NewSession, Error> {
        if self.is_set_up().await? {
            return Err(Error::People(PeopleError::AlreadySetUp));
        }
        let tries = self.changes.begin_strangers_try(None, &from).await?;
        // The database looks up a hash, so the time of its comparison tells nothing about the token.
        let found = self.vault.db().instance().setup_token(&token_hash(token)).await?;
        let now = self.vault.now();
        let refused = match found.and_then(|found| self.vault.proved(found).ok()) {
            // A token that was issued while the clock was ahead would last until that time.
            Some(expires_at) if expires_at > now && expires_at <= now + TOKEN_LIFE + AHEAD => None,
            Some(_) => Some(Error::People(PeopleError::SetupTokenExpired)),
            None => Some(Error::People(PeopleError::WrongSetupToken)),
        };
        if let Some(error) = refused {
            self.changes.strangers().record(Action::Setup, &error.to_string(), &from).await?;
            return Err(tries.refusal(error));
        }
        tries.give_back(&self.changes).await?;
        let from = &from;
        self.vault
            .db()
            .write(|mut tx| async move {
                let new = self.open_session(&mut tx, Stage::Setup, None, from, None).await?;
                tx.commit_unaudited("a setup session is opened").await?;
                Ok(new)
            })
            .await
    }

    /// Takes e-mail and password of the first administrator and generates the authenticator's seed.
    ///
    /// # Errors
    /// A sentence that says what is wrong with e-mail or password.
    pub async fn choose_account(
        &self,
        session: &Session,
        email: &str,
        password: SecretText,
        again: &SecretText,
    ) -> Result<(), Error> {
        session.require(Stage::Setup)?;
        let email = email::parse(email)?;
        password::check(&password, again, &email)?;
        let password_hash = self.hasher.hash(password, session.holder()).await?;
        let account = Account { email, password_hash, seed: Seed::generate() };
        let account = &account.to_bytes();
        self.vault
            .db()
            .write(|mut tx| async move {
                self.notes.put(&mut tx, session.id, NOTE, account).await?;
                tx.commit_unaudited("the first administrator's account is kept until it is proved").await
            })
            .await
    }

    /// Returns the authenticator of the account chosen before, to show it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none was chosen in this session.
    pub async fn chosen_account(&self, session: &Session) -> Result<Enrolment, Error> {
        let account = self.account(session).await?;
        Ok(Enrolment::first(&account.email, account.seed))
    }

    async fn account(&self, session: &Session) -> Result<Account, Error> {
        session.require(Stage::Setup)?;
        let note = self.notes.get(session.id, NOTE).await?.ok_or(Error::NotFound)?;
        Account::from_bytes(&note)
    }

    /// Makes the first administrator when the code proves the app, and signs them in.
    ///
    /// # Errors
    /// When the code is wrong, or another administrator came first.
    pub async fn finish_setup(&self, session: &Session, code: &SecretText) -> Result<NewSession, Error> {
        self.vault.require_clock()?;
        let account = self.account(session).await?;
        let tried = self.changes.begin_try(self.changes.name_subject(&account.email), TryKind::Code).await?;
        let now = self.vault.now();
        let refused = Entry::refused(now, session.actor(), Action::Setup);
        let step = self.changes.first_code(&account.seed, code, now, refused).await?;
        or_warn(self.changes.clear_tries(tried).await, RIGHT_TRY);
        let account = &account;
        let done =
            self.vault.db().write(|tx| self.make_first_administrator(tx, session, account, step)).await;
        if let Err(Error::People(PeopleError::AlreadySetUp)) = done {
            self.vault
                .db()
                .record(Entry::refused(now, session.actor(), Action::Setup).with("already set up"))
                .await?;
        }
        done
    }

    async fn make_first_administrator(
        &self,
        mut tx: Tx,
        session: &Session,
        account: &Account,
        step: i64,
    ) -> Result<NewSession, Error> {
        tx.lock(Lock::Instance).await?;
        // Under the lock, because two set-ups, or a set-up and the command line, may get here at once.
        if tx.users().count().await? > 0 {
            return Err(Error::People(PeopleError::AlreadySetUp));
        }
        let id = UserId(random::uuid());
        let sealed = self.changes.seal_seed(&mut tx, id, &account.seed).await?;
        let new = NewUser {
            id,
            email: &account.email,
            password_hash: &account.password_hash,
            totp_seed: Some(&sealed),
        };
        tx.users().insert(new, self.vault.now()).await?;
        self.vault.sign_new(&mut tx, RowRef::Administrator(id)).await?;
        tx.users().spend_step(id, step, step).await?;
        tx.instance().delete_setup_tokens().await?;
        // 1 is the column's default, which the row inserted above has.
        let owner = Some(crate::people::sessions::Owner { id, email: &account.email, security_epoch: 1 });
        let new = self.open_session(&mut tx, Stage::Full, owner, &session.from, Some(session.id)).await?;
        self.changes.store_recovery_codes(&mut tx, id, Some(new.session.id), &recovery::generate()).await?;
        tx.commit(Entry::done(self.vault.now(), new.session.actor(), Action::Setup)).await?;
        Ok(new)
    }
}
