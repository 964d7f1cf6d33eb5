//! Sessions: a 256-bit token in a cookie, its SHA-256 in the database.

use crate::base::entry::Entry;
use crate::base::error::ChangesError;
use crate::base::log::or_warn;
use crate::base::random;
use crate::changes::session::{Client, Ends, NewSession, Session, Stage};
use crate::people::People;
use crate::store::Tx;
use crate::store::authority::RowRef;
use crate::store::sessions::{NewSessionRow, SessionRow};
use crate::store::users::User;
use crate::vault::opened::AHEAD;
use crate::{Error, SecretText};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use domain::audit::event::Action;
use domain::base::id::{SessionId, UserId};
use domain::overview::frame::Unsaved;
use sha2::{Digest, Sha256};

/// Time without use after which a session is over.
pub const IDLE: TimeDelta = TimeDelta::minutes(15);
/// Time after which a session is over, used or not.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// Time after which a session that is not signed in yet is over.
const STEPS: TimeDelta = TimeDelta::minutes(15);
/// Minimum interval between two written heartbeats of a session.
const HEARTBEAT: TimeDelta = TimeDelta::seconds(30);

/// The administrator whose session is opened.
pub(crate) struct Owner<'a> {
    pub id: UserId,
    pub email: &'a str,
    pub security_epoch: i64,
}

pub(super) fn token_hash(token: &SecretText) -> Vec<u8> {
    Sha256::digest(token.expose().as_bytes()).to_vec()
}

impl People {
    /// Returns the live signed-in sessions of an administrator, whose row was proved.
    pub(super) async fn alive(&self, user: &User) -> Result<Vec<SessionRow>, Error> {
        let now = self.vault.now();
        let found = self.vault.db().sessions().of(user.id(), user.security_epoch, now, now - IDLE).await?;
        Ok(self.vault.only_proved(found))
    }

    /// Checks that a session has not ended meanwhile, for work that takes long.
    ///
    /// # Errors
    /// [`ChangesError::SignedOut`] when it has.
    pub async fn still(&self, session: &Session) -> Result<(), Error> {
        let user = self.vault.person(session.user()?).await?;
        let alive = self.alive(&user).await?;
        match alive.iter().any(|row| SessionId(row.id) == session.id) {
            true => Ok(()),
            false => Err(Error::Changes(ChangesError::SignedOut)),
        }
    }

    /// Returns the session of a token, if it is live, and writes its heartbeat unless the client only looks.
    ///
    /// # Errors
    /// [`ChangesError::SignedOut`] when there is none.
    pub async fn session(&self, token: &SecretText, from: Client) -> Result<Session, Error> {
        let hash = token_hash(token);
        let row = self
            .vault
            .db()
            .sessions()
            .get(&hash)
            .await?
            .and_then(|row| self.vault.proved(row).ok())
            .ok_or(Error::Changes(ChangesError::SignedOut))?;
        let user = match row.user_id {
            Some(user) => Some(self.vault.person(UserId(user)).await.map_err(|error| match error {
                Error::Vault(_) | Error::NotFound => Error::Changes(ChangesError::SignedOut),
                error => error,
            })?),
            None => None,
        };
        let now = self.vault.now();
        // By the epoch of the row that was proved. A setup session has no administrator, and therefore no epoch to compare.
        let moved_on = user.as_ref().is_some_and(|user| user.security_epoch != row.security_epoch);
        // A session that began while the clock was ahead would last until that time.
        let is_ahead = row.created_at > now + AHEAD || row.seen_at > now + AHEAD;
        if moved_on || is_ahead || row.expires_at <= now || row.seen_at + IDLE <= now {
            return Err(Error::Changes(ChangesError::SignedOut));
        }
        let beats = row.seen_at + HEARTBEAT <= now && !from.only_looks;
        let seen_at = if beats { now } else { row.seen_at };
        let ends = Ends { idle: seen_at + IDLE, absolute: row.expires_at };
        let session = self.as_session(&row, user, from, ends)?;
        if beats {
            let session = &session;
            let beat = self.vault.db().write(|mut tx| async move {
                tx.sessions().touch(session.id, now, &session.from.address).await?;
                tx.commit_unaudited("session heartbeat").await
            });
            // Without the heartbeat the session only ends sooner.
            or_warn(beat.await, "the last activity of a session could not be recorded");
        }
        if let (Stage::Full, Some(person)) = (session.stage, session.user) {
            self.familiar.remember(hash, person);
        }
        Ok(session)
    }

    fn as_session(
        &self,
        row: &SessionRow,
        user: Option<User>,
        from: Client,
        ends: Ends,
    ) -> Result<Session, Error> {
        let stage = Stage::ALL.into_iter().find(|stage| stage.word() == row.stage);
        Ok(Session {
            id: SessionId(row.id),
            stage: stage.ok_or_else(|| crate::store::corrupt("session", "stage", row.id))?,
            email: user.map(|user| user.email).unwrap_or_default(),
            user: row.user_id.map(UserId),
            from,
            has_message: row.has_message,
            unsaved: Unsaved { recovery_codes_until: row.codes_until, api_key_until: row.key_until },
            ends,
        })
    }

    /// Makes a session inside a transaction, in the place of an older one. Every step up gets a new
    /// token.
    pub(crate) async fn open_session(
        &self,
        tx: &mut Tx,
        stage: Stage,
        owner: Option<Owner<'_>>,
        from: &Client,
        replaces: Option<SessionId>,
    ) -> Result<NewSession, Error> {
        let token = SecretText::new(BASE64URL_NOPAD.encode(&random::bytes::<32>()));
        let id = SessionId(random::uuid());
        let now = self.vault.now();
        let absolute = now + if stage == Stage::Full { ABSOLUTE } else { STEPS };
        let ends = Ends { idle: now + IDLE, absolute };
        let had = match replaces {
            Some(old) => tx.sessions().delete(old).await?,
            None => true,
        };
        // A session steps up once: when it is missing, another request was first, or it was ended
        // meanwhile. A session of the stage Password need not step up from another one.
        if !had && stage != Stage::Password {
            return Err(Error::Changes(ChangesError::SignedOut));
        }
        tx.sessions()
            .insert(NewSessionRow {
                id,
                token_hash: &token_hash(&token),
                stage: stage.word(),
                user: owner.as_ref().map(|owner| owner.id),
                security_epoch: owner.as_ref().map_or(0, |owner| owner.security_epoch),
                now,
                expires_at: absolute,
                address: &from.address,
                agent: &from.agent,
            })
            .await?;
        self.vault.sign_new(tx, RowRef::Session(id)).await?;
        let device = owner
            .as_ref()
            .filter(|_| stage == Stage::Full)
            .map(|owner| self.changes.device_cookie(owner.id, owner.security_epoch, &from.devices));
        let email = owner.as_ref().map(|owner| owner.email.to_owned()).unwrap_or_default();
        let user = owner.map(|owner| owner.id);
        let (from, unsaved) = (from.clone(), Unsaved::default());
        let session = Session { id, stage, email, user, from, has_message: false, unsaved, ends };
        Ok(NewSession { token, device, session })
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.sessions().delete(session.id).await?;
                tx.commit(Entry::done(self.vault.now(), session.actor(), Action::SignOut)).await
            })
            .await
    }

    /// Deletes sessions that are over and counters that nobody has touched for a day.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let now: DateTime<Utc> = self.vault.now();
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.sessions().sweep(now, now - IDLE, now - TimeDelta::days(1)).await?;
                self.notes.sweep_answers(&mut tx, now).await?;
                tx.commit_unaudited("sessions that are over are swept").await
            })
            .await
    }
}
