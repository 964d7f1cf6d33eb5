//! Administrators: their sealed seeds, their recovery codes, and what the host's command line
//! can do about them.

use crate::audit::{Actor, Entry};
use crate::envelope::{Place, Purpose};
use crate::store::users::{NewUser, User};
use crate::store::{Lock, Tx};
use crate::totp::{self, Seed};
use crate::{Error, Portal, SecretBytes, SecretText, email, password, random, recovery};
use domain::audit::Action;
use domain::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(crate) const RECOVERY_NOTE: &str = "recovery codes";

/// An account that is not proved yet: kept sealed in a setup session.
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

fn seed_place(user: &UserId) -> Place<'_> {
    Place { table: "administrator", column: "totp_seed", row: user.0.as_bytes(), ..Place::default() }
}

impl Portal {
    pub(crate) fn seal_seed(&self, user: UserId, seed: &Seed) -> Vec<u8> {
        self.keyring().seal(Purpose::TotpSeed, seed_place(&user), seed.expose())
    }

    pub(crate) fn open_seed(&self, user: &User) -> Result<Option<Seed>, Error> {
        let Some(sealed) = &user.totp_seed else { return Ok(None) };
        self.keyring().open(Purpose::TotpSeed, seed_place(&user.id()), sealed).map(Seed::from_bytes).map(Some)
    }

    /// Stores the hashes, and the codes themselves sealed until the person has seen them.
    pub(crate) async fn store_recovery_codes(
        &self,
        tx: &mut Tx,
        user: UserId,
        show_in: Option<SessionId>,
        codes: &[SecretText],
    ) -> Result<(), Error> {
        let hashes: Vec<_> = codes.iter().map(recovery::hash).collect();
        tx.replace_recovery_codes(user, &hashes).await?;
        if let Some(session) = show_in {
            let plain: Vec<&str> = codes.iter().map(SecretText::expose).collect();
            let plain = Zeroizing::new(plain.join("\n").into_bytes());
            self.put_note(tx, session, RECOVERY_NOTE, &plain).await?;
        }
        Ok(())
    }

    /// `keystead admin create`: an administrator by the operator's hand. Without a seed one is
    /// drawn; either way it is given back, to be shown once.
    ///
    /// # Errors
    /// What is wrong with e-mail or password, in words.
    pub async fn create_administrator(
        &self,
        email: &str,
        password: SecretText,
        seed: Option<Seed>,
    ) -> Result<(Seed, Vec<SecretText>), Error> {
        let email = email::parse(email)?;
        password::check(&password, &password, &email)?;
        let password_hash = self.hasher().hash(password).await?;
        let seed = seed.unwrap_or_else(Seed::generate);
        let codes = recovery::generate();
        let id = UserId(random::uuid());
        let sealed = self.seal_seed(id, &seed);
        let mut tx = self.db().begin_write().await?;
        // As setup does: one after the other, not each waiting for the other's rows.
        tx.lock(Lock::Instance).await?;
        let new = NewUser {
            id,
            email: &email,
            password_hash: &password_hash,
            totp_seed: Some(&sealed),
            totp_step: 0,
        };
        tx.insert_user(new, self.now()).await?;
        tx.delete_setup_tokens().await?;
        self.store_recovery_codes(&mut tx, id, None, &codes).await?;
        tx.commit(Entry::done(self.now(), Actor::Host, Action::UserCreate).with(&email)).await?;
        self.clear_counter(&self.name_subject(&email)).await?;
        Ok((seed, codes))
    }

    /// `keystead admin reset-password`: ends every session of the administrator.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail; what is wrong with the password, in words.
    pub async fn reset_password(&self, email: &str, password: SecretText) -> Result<(), Error> {
        let user = self.user_by_email(email).await?;
        password::check(&password, &password, &user.email)?;
        let hash = self.hasher().hash(password).await?;
        let mut tx = self.db().begin_write().await?;
        tx.set_password(user.id(), &hash, self.now()).await?;
        tx.commit(Entry::done(self.now(), Actor::Host, Action::PasswordReset).with(&user.email)).await?;
        self.clear_counter(&self.name_subject(&user.email)).await
    }

    /// `keystead admin reset-totp`: a new seed, every session ended, the failure counter cleared.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown e-mail.
    pub async fn reset_authenticator(&self, email: &str) -> Result<Seed, Error> {
        let user = self.user_by_email(email).await?;
        let seed = Seed::generate();
        let sealed = self.seal_seed(user.id(), &seed);
        let mut tx = self.db().begin_write().await?;
        // The code on the operator's screen is no proof: no step is spent yet.
        tx.set_authenticator(user.id(), Some(&sealed), totp::step(self.now()) - 2, self.now()).await?;
        tx.commit(Entry::done(self.now(), Actor::Host, Action::AuthenticatorReset).with(&user.email)).await?;
        self.clear_counter(&self.name_subject(&user.email)).await?;
        Ok(seed)
    }

    async fn user_by_email(&self, email: &str) -> Result<User, Error> {
        self.db().user_by_email(&email::normalise(email)).await?.ok_or(Error::NotFound)
    }
}
