//! The instance's own row, its keyring and its setup tokens.

use super::authority::{Claimed, SetupTokenMark, setup_tokens};
use super::{on, table, within};
use crate::Error;
use crate::store::text::{With, kept};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The instance's identity and the value that tells whether a root key is the right one.
#[derive(sqlx_macros::FromRow)]
pub struct Instance {
    pub uuid: Uuid,
    pub canary: Vec<u8>,
}

/// A sealed term of the keyring.
#[derive(sqlx_macros::FromRow)]
pub struct SealedTerm {
    pub purpose: String,
    pub term: i64,
    pub sealed: Vec<u8>,
}

/// What the operator must look after.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Upkeep {
    pub created_at: DateTime<Utc>,
    pub backup_at: Option<DateTime<Utc>>,
    /// Why the database is known to be older than it was.
    pub older_than: Option<String>,
}

const INSTANCE: &str = "SELECT uuid, canary FROM instance WHERE id = 1";
const TERMS: &str = "SELECT purpose, term, sealed FROM keyring ORDER BY purpose, term";

table!(instance: Read, Write);

impl Read<'_> {
    /// Returns the time of the database server's clock; `None` for SQLite, which has no clock of its own.
    pub(crate) async fn time(&self) -> Result<Option<DateTime<Utc>>, Error> {
        if self.0.is_sqlite() {
            return Ok(None);
        }
        // `now()` would be the time at which the transaction began, and behind a pooler every read is one.
        const SQL: &str = "SELECT clock_timestamp()";
        Ok(on!(self.0, pool => sqlx::query_scalar(SQL).fetch_optional(pool).await)?)
    }

    pub(crate) async fn get(&self) -> Result<Option<Instance>, Error> {
        Ok(on!(self.0, pool => sqlx::query_as(INSTANCE).fetch_optional(pool).await)?)
    }

    pub(crate) async fn terms(&self) -> Result<Vec<SealedTerm>, Error> {
        Ok(on!(self.0, pool => sqlx::query_as(TERMS).fetch_all(pool).await)?)
    }

    /// Returns when the last backup was made, and why the database is older than it was, if it is.
    pub(crate) async fn upkeep(&self) -> Result<Upkeep, Error> {
        const SQL: &str = "SELECT created_at, backup_at, older_than FROM instance WHERE id = 1";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_one(pool).await)?)
    }

    /// Returns when the setup token with this hash expires.
    pub(crate) async fn setup_token(&self, hash: &[u8]) -> Result<Option<Claimed<DateTime<Utc>>>, Error> {
        const SQL: &str = setup_tokens!(" WHERE hash = $1");
        let mark: Option<SetupTokenMark> =
            on!(self.0, pool => sqlx::query_as(SQL).with(hash).fetch_optional(pool).await)?;
        Ok(mark.map(|mark| Claimed::new(mark.expires_at, mark.claim())))
    }

    /// Checks whether there is a setup token that has not expired yet.
    pub(crate) async fn has_setup_token(&self, now: DateTime<Utc>) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM setup_token WHERE expires_at > $1";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).with(now).fetch_one(pool).await)?;
        Ok(count > 0)
    }
}

impl Write<'_> {
    /// Records why the database is known to be older than it was. Returns false when that was recorded before.
    /// On another timeline than the given one, an operator has accepted the database meanwhile.
    pub(crate) async fn set_older(&mut self, why: &str, timeline: Option<i64>) -> Result<bool, Error> {
        const SQL: &str = "UPDATE instance SET older_than = $1 WHERE id = 1 AND older_than IS NULL \
                           AND timeline = COALESCE($2, timeline)";
        let rows = within!(self.0, c => sqlx::query(SQL).with(kept(why)).with(timeline).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Records that a restore is complete; `older_than` says why the database is known to be older than it was, if it is. Uses of
    /// tenant secrets that were counted after the backup are lost, so the counts are complete from `now` on.
    pub(crate) async fn set_restored(
        &mut self,
        backup_at: DateTime<Utc>,
        older_than: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str =
            "UPDATE instance SET backup_at = $1, older_than = $2, secrets_counted_since = $3 WHERE id = 1";
        within!(self.0, c => sqlx::query(SQL).with(backup_at).with(older_than.map(kept)).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Accepts the database as it is, on a timeline after `timeline`. As after a restore, uses of tenant secrets are lost.
    pub(crate) async fn accept_older(&mut self, timeline: i64, now: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "UPDATE instance SET older_than = NULL, secrets_counted_since = $2, \
                           timeline = (CASE WHEN timeline > $1 THEN timeline ELSE $1 END) + 1 WHERE id = 1";
        within!(self.0, c => sqlx::query(SQL).with(timeline).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records the latest time, unless it is another by now: an operator may have corrected it.
    pub(crate) async fn set_latest(
        &mut self,
        at: DateTime<Utc>,
        before: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        const SQL: &str =
            "UPDATE instance SET latest_at = $1 WHERE id = 1 AND latest_at IS NOT DISTINCT FROM $2";
        within!(self.0, c => sqlx::query(SQL).with(at).with(before).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn set_backup_at(&mut self, at: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "UPDATE instance SET backup_at = $1 WHERE id = 1";
        within!(self.0, c => sqlx::query(SQL).with(at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Returns the instance. The caller holds its lock.
    pub(crate) async fn get(&mut self) -> Result<Instance, Error> {
        let instance = within!(self.0, c => sqlx::query_as(INSTANCE).fetch_optional(c).await)?;
        instance.ok_or(Error::NotFound)
    }

    pub(crate) async fn terms(&mut self) -> Result<Vec<SealedTerm>, Error> {
        Ok(within!(self.0, c => sqlx::query_as(TERMS).fetch_all(c).await)?)
    }

    pub(crate) async fn set_canary(&mut self, canary: &[u8]) -> Result<(), Error> {
        const SQL: &str = "UPDATE instance SET canary = $1 WHERE id = 1";
        within!(self.0, c => sqlx::query(SQL).with(canary).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn set_term(
        &mut self,
        purpose: &'static str,
        term: i64,
        sealed: &[u8],
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE keyring SET sealed = $3 WHERE purpose = $1 AND term = $2";
        within!(self.0, c => sqlx::query(SQL).with(purpose).with(term).with(sealed).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn insert(
        &mut self,
        uuid: Uuid,
        canary: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // The id is fixed: of several servers that start on an empty database, the primary key lets one insert the row.
        const SQL: &str = "INSERT INTO instance (id, uuid, canary, created_at) VALUES (1, $1, $2, $3)";
        within!(self.0, c => sqlx::query(SQL).with(uuid).with(canary).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn insert_term(
        &mut self,
        purpose: &'static str,
        sealed: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO keyring (purpose, term, sealed, created_at) VALUES ($1, 1, $2, $3)";
        within!(self.0, c => sqlx::query(SQL).with(purpose).with(sealed).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn insert_setup_token(
        &mut self,
        hash: &[u8],
        expires_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO setup_token (hash, expires_at) VALUES ($1, $2)";
        within!(self.0, c => sqlx::query(SQL).with(hash).with(expires_at).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn delete_setup_token(&mut self, hash: &[u8]) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM setup_token WHERE hash = $1";
        within!(self.0, c => sqlx::query(SQL).with(hash).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn delete_setup_tokens(&mut self) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM setup_token";
        within!(self.0, c => sqlx::query(SQL).execute(c).await.map(drop))?;
        Ok(())
    }
}
