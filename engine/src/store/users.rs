//! Administrators and their recovery codes.

use super::authority::{AdministratorMark, Claimed, administrator_mark};
use super::{is_duplicate, on, table, within};
use crate::Error;
use crate::base::email::Spellings;
use crate::base::error::ChangesError;
use crate::base::error::PeopleError;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use domain::base::id::{SessionId, UserId};
use uuid::Uuid;

/// An administrator as stored; the seed is sealed.
#[derive(sqlx_macros::FromRow)]
pub struct User {
    id: Uuid,
    pub email: String,
    pub password_hash: String,
    pub password_changed_at: DateTime<Utc>,
    pub totp_seed: Option<Vec<u8>>,
    /// Revision of the seed (`store::revisions`), bound into its seal.
    pub seed_revision: i64,
    pub authenticator_since: Option<DateTime<Utc>>,
    pub security_epoch: i64,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl User {
    pub fn id(&self) -> UserId {
        UserId(self.id)
    }
}

/// A new administrator.
pub struct NewUser<'a> {
    pub id: UserId,
    pub email: &'a str,
    pub password_hash: &'a str,
    /// Sealed; `None` until an authenticator is set up.
    pub totp_seed: Option<&'a [u8]>,
}

#[derive(sqlx_macros::FromRow)]
struct Record {
    #[sqlx(flatten)]
    user: User,
    #[sqlx(flatten)]
    mark: AdministratorMark,
}

impl From<Record> for Claimed<User> {
    fn from(Record { user, mark }: Record) -> Self {
        Self::new(user, mark.claim())
    }
}

macro_rules! select_user {
    ($condition:literal) => {
        concat!(
            "SELECT a.id, a.email, a.password_hash, a.password_changed_at, a.totp_seed, \
             COALESCE(r.revision, 0) AS seed_revision, a.authenticator_since, a.security_epoch, a.created_at, a.disabled_at, ",
            administrator_mark!(),
            " FROM administrator a LEFT JOIN sealed_revision r ON r.row_id = a.id AND r.column_name = 'totp_seed' WHERE ",
            $condition
        )
    };
}

table!(users: Read, Write);

impl Read<'_> {
    pub(crate) async fn all(&self) -> Result<Vec<Claimed<User>>, Error> {
        const SQL: &str = select_user!("a.id IS NOT NULL ORDER BY a.email");
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        Ok(records.into_iter().map(Claimed::from).collect())
    }

    /// Returns the administrator of a name, in whichever form of its domain the row has it.
    pub(crate) async fn by_email(&self, email: &str) -> Result<Option<Claimed<User>>, Error> {
        const SQL: &str = select_user!("a.email IN ($1, $2, $3)");
        let spellings = Spellings::of(email);
        let [first, second, third] = &spellings.0;
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(sought(first)).with(sought(second)).with(sought(third)).fetch_all(pool).await)?;
        let likeliest = records.into_iter().min_by_key(|record| spellings.place(&record.user.email));
        Ok(likeliest.map(Claimed::from))
    }

    pub(crate) async fn get(&self, id: UserId) -> Result<Claimed<User>, Error> {
        const SQL: &str = select_user!("a.id = $1");
        let record: Option<Record> =
            on!(self.0, pool => sqlx::query_as(SQL).with(id.0).fetch_optional(pool).await)?;
        record.map(Claimed::from).ok_or(Error::NotFound)
    }

    pub(crate) async fn any(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM administrator LIMIT 1) AS one";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Returns the latest spent step up to one, if there is any.
    pub(crate) async fn latest_step(&self, id: UserId, up_to: i64) -> Result<Option<i64>, Error> {
        const SQL: &str = "SELECT MAX(step) FROM (SELECT totp_floor AS step FROM administrator WHERE id = $1 UNION ALL \
                           SELECT step FROM spent_step WHERE user_id = $1) AS spent WHERE step <= $2";
        Ok(on!(self.0, pool => sqlx::query_scalar(SQL).with(id.0).with(up_to).fetch_one(pool).await)?)
    }

    pub(crate) async fn recovery_codes_left(&self, id: UserId) -> Result<u32, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).with(id.0).fetch_one(pool).await)?;
        Ok(u32::try_from(count).unwrap_or_default())
    }
}

impl Write<'_> {
    pub(crate) async fn count(&mut self) -> Result<i64, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM administrator";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).fetch_one(c).await)?)
    }

    pub(crate) async fn insert(&mut self, user: NewUser<'_>, now: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO administrator (id, email, password_hash, password_changed_at, totp_seed, \
                           authenticator_since, created_at) VALUES ($1, $2, $3, $4, $5, $6, $4)";
        let since = user.totp_seed.map(|_| now);
        let done = within!(self.0, c => sqlx::query(SQL)
            .with(user.id.0).with(kept(user.email)).with(kept(user.password_hash)).with(now).with(user.totp_seed).with(since)
            .execute(c).await.map(drop));
        done.map_err(
            |error| if is_duplicate(&error) { Error::People(PeopleError::EmailTaken) } else { error.into() },
        )
    }

    /// Spends the code of a step. Returns false when this step or a later one was spent before, or this one was named. A step of the
    /// future, which was spent while the clock was ahead, blocks only itself.
    pub(crate) async fn spend_step(&mut self, id: UserId, step: i64, present: i64) -> Result<bool, Error> {
        const SQL: &str = "INSERT INTO spent_step (user_id, step) SELECT a.id, $2 FROM administrator a \
                           WHERE a.id = $1 AND a.totp_floor < $2 AND NOT EXISTS (SELECT 1 FROM spent_step s \
                           WHERE s.user_id = $1 AND (s.step > $2 AND s.step <= $3 OR s.step = -$2)) \
                           ON CONFLICT (user_id, step) DO NOTHING";
        // Locks the person: two steps at once are judged one after the other.
        const LOCK: &str = "UPDATE administrator SET totp_floor = totp_floor WHERE id = $1";
        within!(self.0, c => sqlx::query(LOCK).with(id.0).execute(c).await.map(drop))?;
        let rows = within!(self.0, c => sqlx::query(SQL).with(id.0).with(step).with(present + 1).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Spends the code of a step of the future that was named as such. Unlike a step whose code was accepted it never blocks an
    /// earlier one: the person sets the clock of the phone, and those are the next codes. Its row has the negative number.
    pub(crate) async fn name_step(&mut self, id: UserId, step: i64) -> Result<(), Error> {
        const SQL: &str =
            "INSERT INTO spent_step (user_id, step) VALUES ($1, $2) ON CONFLICT (user_id, step) DO NOTHING";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(-step).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores a new seed, and ends every session. No code of the new seed is spent yet.
    pub(crate) async fn set_authenticator(
        &mut self,
        id: UserId,
        sealed: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET totp_seed = $2, totp_floor = 0, authenticator_since = $3, \
                           security_epoch = security_epoch + 1 WHERE id = $1";
        const STEPS: &str = "DELETE FROM spent_step WHERE user_id = $1";
        let since = sealed.map(|_| now);
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(sealed).with(since).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(STEPS).with(id.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Stores a new password and ends every session.
    pub(crate) async fn set_password(
        &mut self,
        id: UserId,
        hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET password_hash = $2, password_changed_at = $3, \
                           security_epoch = security_epoch + 1 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(kept(hash)).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Locks the administrator until the commit, if the session is still valid, so that nobody who was
    /// signed out or disabled a moment ago steps up.
    pub(crate) async fn hold_user(&mut self, id: UserId, session: SessionId) -> Result<(), Error> {
        // An update that changes nothing locks the row in both databases, and has the session's epoch as its condition.
        const SQL: &str = "UPDATE administrator SET security_epoch = security_epoch WHERE id = $1 AND \
                           security_epoch = (SELECT security_epoch FROM session WHERE id = $2)";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(id.0).with(session.0).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::Changes(ChangesError::SignedOut)) }
    }

    /// Ends every session and every change that waits.
    pub(crate) async fn end_sessions(&mut self, id: UserId) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET security_epoch = security_epoch + 1 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(id.0).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn set_disabled(
        &mut self,
        id: UserId,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET disabled_at = $2 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(since).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Counts the administrators who can sign in.
    pub(crate) async fn count_enabled(&mut self) -> Result<i64, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM administrator WHERE disabled_at IS NULL";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).fetch_one(c).await)?)
    }

    /// Stores the hash of the same password under the current parameters.
    pub(crate) async fn renew_password_hash(
        &mut self,
        id: UserId,
        old: &str,
        new: &str,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(sought(old)).with(kept(new)).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn security_epoch(&mut self, id: UserId) -> Result<i64, Error> {
        const SQL: &str = "SELECT security_epoch FROM administrator WHERE id = $1";
        let epoch = within!(self.0, c => sqlx::query_scalar(SQL).with(id.0).fetch_optional(c).await)?;
        epoch.ok_or(Error::NotFound)
    }

    /// Replaces all recovery codes by the new ones.
    pub(crate) async fn replace_recovery_codes(
        &mut self,
        id: UserId,
        hashes: &[Vec<u8>],
    ) -> Result<(), Error> {
        const DELETE: &str = "DELETE FROM recovery_code WHERE user_id = $1";
        const INSERT: &str = "INSERT INTO recovery_code (user_id, hash) VALUES ($1, $2)";
        within!(self.0, c => sqlx::query(DELETE).with(id.0).execute(c).await.map(drop))?;
        for hash in hashes {
            within!(self.0, c => sqlx::query(INSERT).with(id.0).with(hash).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Spends a recovery code. Returns true to the first caller, and false to every later one.
    pub(crate) async fn spend_recovery_code(
        &mut self,
        id: UserId,
        hash: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const SQL: &str =
            "UPDATE recovery_code SET used_at = $3 WHERE user_id = $1 AND hash = $2 AND used_at IS NULL";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(id.0).with(hash).with(now).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
