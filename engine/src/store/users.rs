//! Administrators and their recovery codes.

use super::{is_duplicate, on, table, within};
use crate::Error;
use crate::base::error::ChangesError;
use crate::base::error::PeopleError;
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
    /// The last step whose code was spent.
    pub totp_step: i64,
}

macro_rules! select_user {
    ($condition:literal) => {
        concat!(
            "SELECT id, email, password_hash, password_changed_at, totp_seed, ",
            "COALESCE(r.revision, 0) AS seed_revision, authenticator_since, security_epoch, created_at, disabled_at ",
            "FROM administrator LEFT JOIN sealed_revision r ON r.row_id = id AND r.column_name = 'totp_seed' WHERE ",
            $condition
        )
    };
}

table!(users: Read, Write);

impl Read<'_> {
    pub(crate) async fn all(&self) -> Result<Vec<User>, Error> {
        const SQL: &str = select_user!("id IS NOT NULL ORDER BY email");
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?)
    }

    pub(crate) async fn by_email(&self, email: &str) -> Result<Option<User>, Error> {
        const SQL: &str = select_user!("email = $1");
        Ok(on!(self.0, pool => sqlx::query_as(SQL).bind(email).fetch_optional(pool).await)?)
    }

    pub(crate) async fn get(&self, id: UserId) -> Result<User, Error> {
        const SQL: &str = select_user!("id = $1");
        let user = on!(self.0, pool => sqlx::query_as(SQL).bind(id.0).fetch_optional(pool).await)?;
        user.ok_or(Error::NotFound)
    }

    pub(crate) async fn any(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM administrator LIMIT 1) AS one";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    pub(crate) async fn recovery_codes_left(&self, id: UserId) -> Result<u32, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).bind(id.0).fetch_one(pool).await)?;
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
                           totp_step, authenticator_since, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let since = user.totp_seed.map(|_| now);
        let done = within!(self.0, c => sqlx::query(SQL)
            .bind(user.id.0).bind(user.email).bind(user.password_hash).bind(now).bind(user.totp_seed)
            .bind(user.totp_step).bind(since).bind(now)
            .execute(c).await.map(drop));
        done.map_err(
            |error| if is_duplicate(&error) { Error::People(PeopleError::EmailTaken) } else { error.into() },
        )
    }

    /// Spends the code of a step. Returns false when this step or a later one was spent before.
    pub(crate) async fn spend_step(&mut self, id: UserId, step: i64) -> Result<bool, Error> {
        const SQL: &str = "UPDATE administrator SET totp_step = $2 WHERE id = $1 AND totp_step < $2";
        let rows = within!(self.0, c => sqlx::query(SQL).bind(id.0).bind(step).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Stores a new seed, marks the step whose code proved it as spent, and ends every session.
    pub(crate) async fn set_authenticator(
        &mut self,
        id: UserId,
        sealed: Option<&[u8]>,
        step: i64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET totp_seed = $2, totp_step = $3, authenticator_since = $4, \
                           security_epoch = security_epoch + 1 WHERE id = $1";
        let since = sealed.map(|_| now);
        within!(self.0, c => sqlx::query(SQL).bind(id.0).bind(sealed).bind(step).bind(since).execute(c).await.map(drop))?;
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
        within!(self.0, c => sqlx::query(SQL).bind(id.0).bind(hash).bind(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Locks the administrator until the commit, if the session is still valid, so that nobody who was
    /// signed out or disabled a moment ago steps up.
    pub(crate) async fn hold_user(&mut self, id: UserId, session: SessionId) -> Result<(), Error> {
        // An update that changes nothing locks the row in both databases, and has the session's epoch as its condition.
        const SQL: &str = "UPDATE administrator SET security_epoch = security_epoch WHERE id = $1 AND \
                           security_epoch = (SELECT security_epoch FROM session WHERE id = $2)";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .bind(id.0).bind(session.0).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::Changes(ChangesError::SignedOut)) }
    }

    /// Ends every session and every change that waits.
    pub(crate) async fn end_sessions(&mut self, id: UserId) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET security_epoch = security_epoch + 1 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).bind(id.0).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn set_disabled(
        &mut self,
        id: UserId,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE administrator SET disabled_at = $2 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).bind(id.0).bind(since).execute(c).await.map(drop))?;
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
        within!(self.0, c => sqlx::query(SQL).bind(id.0).bind(old).bind(new).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn security_epoch(&mut self, id: UserId) -> Result<i64, Error> {
        const SQL: &str = "SELECT security_epoch FROM administrator WHERE id = $1";
        let epoch = within!(self.0, c => sqlx::query_scalar(SQL).bind(id.0).fetch_optional(c).await)?;
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
        within!(self.0, c => sqlx::query(DELETE).bind(id.0).execute(c).await.map(drop))?;
        for hash in hashes {
            within!(self.0, c => sqlx::query(INSERT).bind(id.0).bind(hash).execute(c).await.map(drop))?;
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
            .bind(id.0).bind(hash).bind(now).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
