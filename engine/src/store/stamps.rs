//! Times of the future, which a clock that was ahead has written.

use super::authority::RowRef;
use super::{on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::id::{EnvironmentId, ScopeId, UserId};
use domain::keys::rotation::RotationPeriod;
use domain::services::api_key::ApiKeyId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// The times in each table that matter after they were written. Lines of the audit log and the journal are never changed.
const STAMPS: [(&str, &[&str]); 15] = [
    ("administrator", &["created_at", "password_changed_at", "authenticator_since", "disabled_at"]),
    ("recovery_code", &["used_at"]),
    ("session", &["created_at", "seen_at"]),
    ("throttle", &["updated_at"]),
    ("api_key", &["created_at", "revoked_at", "last_used_at"]),
    ("environment", &["created_at", "removed_at"]),
    ("scope", &["created_at"]),
    ("key_version", &["created_at"]),
    ("tenant_secret", &["created_at"]),
    ("tenant_secret_usage", &["last_at"]),
    ("version_usage", &["first_at", "last_at"]),
    ("holder", &["credentials_at", "preflight_at", "health_since", "probed_at"]),
    ("server", &["started_at", "seen_at"]),
    ("keyring", &["created_at"]),
    ("instance", &["created_at", "backup_at", "latest_at", "secrets_counted_since"]),
];

/// Tables whose rows carry codes, or are ended instead of corrected.
const SIGNED: [&str; 9] = [
    "administrator",
    "recovery_code",
    "session",
    "throttle",
    "api_key",
    "environment",
    "scope",
    "key_version",
    "tenant_secret",
];

/// Returns a condition that holds for rows with a time after `$1`.
fn after(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("{column} > $1")).collect::<Vec<_>>().join(" OR ")
}

fn columns_of(table: &str) -> &'static [&'static str] {
    STAMPS.iter().find(|(name, _)| *name == table).map_or(&[], |(_, columns)| columns)
}

/// Sets every time after `$1` to `$2`.
fn corrected(columns: &[&str]) -> String {
    let set = |column: &&str| format!("{column} = CASE WHEN {column} > $1 THEN $2 ELSE {column} END");
    columns.iter().map(set).collect::<Vec<_>>().join(", ")
}

table!(stamps: Read, Write);

impl Read<'_> {
    /// Returns the newest line of the audit log with a time after `limit`. Nearly everything that stamps a row writes a line.
    pub(crate) async fn newest_after(&self, limit: DateTime<Utc>) -> Result<Option<i64>, Error> {
        const SQL: &str = "SELECT MAX(sequence) FROM audit_event WHERE at > $1";
        Ok(on!(self.0, pool => sqlx::query_scalar(SQL).with(limit).fetch_one(pool).await)?)
    }

    /// Counts the rows of each table that carry a time after `limit`.
    pub(crate) async fn after(&self, limit: DateTime<Utc>) -> Result<Vec<(&'static str, i64)>, Error> {
        let mut found = Vec::new();
        for (table, columns) in STAMPS {
            let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table} WHERE {}", after(columns)));
            let rows: i64 = on!(self.0, pool => sqlx::query_scalar(sql).with(limit).fetch_one(pool).await)?;
            if rows > 0 {
                found.push((table, rows));
            }
        }
        Ok(found)
    }
}

impl Read<'_> {
    async fn ids<T>(&self, table: &str, id: &str, limit: DateTime<Utc>) -> Result<Vec<T>, Error>
    where
        T: Send + Unpin,
        (T,): for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        let condition = after(columns_of(table));
        let sql = AssertSqlSafe(format!("SELECT DISTINCT {id} FROM {table} WHERE {condition}"));
        let ids: Vec<(T,)> = on!(self.0, pool => sqlx::query_as(sql).with(limit).fetch_all(pool).await)?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Returns the rows with codes that carry a time after `limit`.
    pub(crate) async fn signed_after(&self, limit: DateTime<Utc>) -> Result<Vec<RowRef>, Error> {
        let mut rows = Vec::new();
        let of = |id: Uuid| RowRef::Administrator(UserId(id));
        rows.extend(self.ids("administrator", "id", limit).await?.into_iter().map(of));
        let of = |id: Uuid| RowRef::RecoveryCodes(UserId(id));
        rows.extend(self.ids("recovery_code", "user_id", limit).await?.into_iter().map(of));
        let of = |id: Vec<u8>| id.as_slice().try_into().ok().map(|id| RowRef::ApiKey(ApiKeyId(id)));
        rows.extend(self.ids("api_key", "id", limit).await?.into_iter().filter_map(of));
        let of = |id: Uuid| RowRef::Environment(EnvironmentId(id));
        rows.extend(self.ids("environment", "id", limit).await?.into_iter().map(of));
        let of = |id: Uuid| RowRef::Scope(ScopeId(id));
        rows.extend(self.ids("scope", "id", limit).await?.into_iter().map(of));
        rows.extend(self.ids("key_version", "id", limit).await?.into_iter().map(RowRef::Version));
        rows.extend(self.ids("tenant_secret", "id", limit).await?.into_iter().map(RowRef::TenantSecret));
        Ok(rows)
    }
}

impl Write<'_> {
    /// Sets the times of a row that lie after `limit` to `now`. What counts from such a time is moved with it: the due date of a
    /// version, the expiry of an API key.
    pub(crate) async fn correct(
        &mut self,
        row: &RowRef,
        limit: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const PERIOD: &str = "SELECT rotation_days FROM key_version WHERE id = $1";
        const VERSION: &str = "UPDATE key_version SET created_at = $2, due_at = $3, rotated_for_due = NULL, deferred_until = NULL WHERE id = $1";
        const LIFE: &str = "SELECT created_at, expires_at FROM api_key WHERE id = $1";
        const EXPIRY: &str = "UPDATE api_key SET expires_at = $2 WHERE id = $1";
        let (table, column, id) = match row {
            RowRef::Version(id) => {
                let days: Option<i64> =
                    within!(self.0, c => sqlx::query_scalar(PERIOD).with(id).fetch_one(c).await)?;
                let period = days.and_then(|days| RotationPeriod::try_from(days).ok());
                let due = period.map(|period| period.due_after(now));
                within!(self.0, c => sqlx::query(VERSION).with(id).with(now).with(due).execute(c).await.map(drop))?;
                return Ok(());
            }
            RowRef::ApiKey(id) => {
                let id = &id.0[..];
                let (created, expires): (DateTime<Utc>, DateTime<Utc>) =
                    within!(self.0, c => sqlx::query_as(LIFE).with(id).fetch_one(c).await)?;
                if created > limit {
                    let expires = now + (expires - created);
                    within!(self.0, c => sqlx::query(EXPIRY).with(id).with(expires).execute(c).await.map(drop))?;
                }
                let set = corrected(columns_of("api_key"));
                let sql = AssertSqlSafe(format!("UPDATE api_key SET {set} WHERE id = $3"));
                within!(self.0, c => sqlx::query(sql).with(limit).with(now).with(id).execute(c).await.map(drop))?;
                return Ok(());
            }
            RowRef::TenantSecret(id) => {
                const SECRET: &str = "UPDATE tenant_secret SET created_at = $2 WHERE id = $1";
                within!(self.0, c => sqlx::query(SECRET).with(id).with(now).execute(c).await.map(drop))?;
                return Ok(());
            }
            RowRef::Administrator(id) => ("administrator", "id", id.0),
            RowRef::RecoveryCodes(id) => ("recovery_code", "user_id", id.0),
            RowRef::Environment(id) => ("environment", "id", id.0),
            RowRef::Scope(id) => ("scope", "id", id.0),
            RowRef::Session(_) | RowRef::SetupToken(_) => return Ok(()),
        };
        let set = corrected(columns_of(table));
        let sql = AssertSqlSafe(format!("UPDATE {table} SET {set} WHERE {column} = $3"));
        within!(self.0, c => sqlx::query(sql).with(limit).with(now).with(id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Ends what lasts too long, and sets the other times after `limit` to `now`. Rows with codes are corrected one by one.
    pub(crate) async fn correct_rest(
        &mut self,
        limit: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const THROTTLE: &str = "DELETE FROM throttle WHERE updated_at > $1 OR blocked_until > $2";
        const TOKENS: &str = "DELETE FROM setup_token WHERE expires_at > $1";
        const DEFERRED: &str = "UPDATE key_version SET deferred_until = NULL WHERE deferred_until > $1";
        // A restore by a clock that was ahead has spent every step up to that time.
        const FLOOR: &str = "UPDATE administrator SET totp_floor = $1 WHERE totp_floor > $1";
        let floor = limit.timestamp() / 30;
        within!(self.0, c => sqlx::query(FLOOR).with(floor).execute(c).await.map(drop))?;
        let hour = now + TimeDelta::hours(1);
        within!(self.0, c => sqlx::query(THROTTLE).with(limit).with(hour).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(TOKENS).with(hour).execute(c).await.map(drop))?;
        // The longest deferral ends with the next day.
        let day = now + TimeDelta::days(1);
        within!(self.0, c => sqlx::query(DEFERRED).with(day).execute(c).await.map(drop))?;
        self.0.sessions().end_after(limit).await?;
        for (table, columns) in STAMPS.iter().filter(|(table, _)| !SIGNED.contains(table)) {
            let (set, condition) = (corrected(columns), after(columns));
            let sql = AssertSqlSafe(format!("UPDATE {table} SET {set} WHERE {condition}"));
            within!(self.0, c => sqlx::query(sql).with(limit).with(now).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
