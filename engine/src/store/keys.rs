//! Key versions.

use super::aws_keys::health_of;
use super::{Db, Tx, corrupt, on, within};
use crate::Error;
use chrono::{DateTime, Utc};
use domain::id::ScopeId;
use domain::key_version::{ActiveVersion, KeyType, Plan, Status};
use domain::limits::Usage;
use domain::rotation::{RotationPeriod, day_start};
use domain::view::VersionRow;
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct Record {
    id: i64,
    number: i64,
    key_type: String,
    status: String,
    rotation_days: Option<i64>,
    due_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    created_by: String,
    health: Option<String>,
    health_since: Option<DateTime<Utc>>,
    health_code: Option<String>,
}

impl TryFrom<Record> for VersionRow {
    type Error = Error;
    fn try_from(record: Record) -> Result<Self, Error> {
        let column = |name| corrupt("key_version", name, record.id);
        let period = record
            .rotation_days
            .map(|days| RotationPeriod::try_from(days).map_err(|_| column("rotation_days")));
        let health = match (&record.health, record.health_since) {
            (Some(word), Some(since)) => {
                Some(health_of(word, since, record.health_code.as_deref()).ok_or_else(|| column("health"))?)
            }
            _ => None,
        };
        Ok(Self {
            number: u32::try_from(record.number).map_err(|_| column("number"))?,
            key_type: KeyType::from_word(&record.key_type).ok_or_else(|| column("key_type"))?,
            period: period.transpose()?,
            created_at: record.created_at,
            status: Status::from_word(&record.status).ok_or_else(|| column("status"))?,
            due_at: record.due_at,
            created_by: record.created_by,
            id: record.id,
            health,
        })
    }
}

/// What the rules need of the Active version.
pub fn as_active(row: &VersionRow) -> ActiveVersion {
    ActiveVersion {
        number: row.number,
        key_type: row.key_type,
        created_at: row.created_at,
        period: row.period,
        due_at: row.due_at,
    }
}

#[derive(sqlx::FromRow)]
struct Counts {
    of_type_today: i64,
    today: i64,
    customer_supplied: i64,
}

/// A scope whose Active managed version is due.
#[derive(sqlx::FromRow)]
pub struct Due {
    scope_id: Uuid,
    pub slug: String,
    pub country: String,
    pub due_at: DateTime<Utc>,
}

impl Due {
    pub fn scope(&self) -> ScopeId {
        ScopeId(self.scope_id)
    }
}

macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.number, k.key_type, k.status, k.rotation_days, k.due_at, k.created_at, k.created_by, \
             a.health, a.health_since, a.health_code FROM key_version k LEFT JOIN aws_key a ON a.version_id = k.id ",
            $rest
        )
    };
}
const ACTIVE: &str = select_versions!("WHERE k.scope_id = $1 AND k.status = 'active'");
const USAGE: &str = "SELECT COUNT(CASE WHEN created_at >= $2 AND key_type = $3 THEN 1 END) AS of_type_today, \
                     COUNT(CASE WHEN created_at >= $2 THEN 1 END) AS today, \
                     COUNT(customer_supplied_no) AS customer_supplied FROM key_version WHERE scope_id = $1";

impl From<Counts> for Usage {
    fn from(counts: Counts) -> Self {
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            of_type_today: count(counts.of_type_today),
            today: count(counts.today),
            customer_supplied: count(counts.customer_supplied),
        }
    }
}

impl Db {
    /// Versions below `before` (or the newest), newest first.
    pub async fn versions(
        &self,
        scope: ScopeId,
        before: Option<u32>,
        count: u32,
    ) -> Result<Vec<VersionRow>, Error> {
        const SQL: &str =
            select_versions!("WHERE k.scope_id = $1 AND k.number < $2 ORDER BY k.number DESC LIMIT $3");
        let before = before.map_or(i64::MAX, i64::from);
        let records: Vec<Record> = on!(self, pool => sqlx::query_as(SQL)
            .bind(scope.0).bind(before).bind(i64::from(count)).fetch_all(pool).await)?;
        records.into_iter().map(VersionRow::try_from).collect()
    }

    pub async fn version(&self, scope: ScopeId, number: u32) -> Result<VersionRow, Error> {
        const SQL: &str = select_versions!("WHERE k.scope_id = $1 AND k.number = $2");
        let record: Option<Record> = on!(self, pool => sqlx::query_as(SQL).bind(scope.0).bind(i64::from(number)).fetch_optional(pool).await)?;
        record.ok_or(Error::NotFound)?.try_into()
    }

    pub async fn active_version(&self, scope: ScopeId) -> Result<Option<VersionRow>, Error> {
        let record: Option<Record> =
            on!(self, pool => sqlx::query_as(ACTIVE).bind(scope.0).fetch_optional(pool).await)?;
        record.map(VersionRow::try_from).transpose()
    }

    pub async fn usage(&self, scope: ScopeId, key_type: KeyType, now: DateTime<Utc>) -> Result<Usage, Error> {
        let counts: Counts = on!(self, pool => sqlx::query_as(USAGE)
            .bind(scope.0).bind(day_start(now)).bind(key_type.word()).fetch_one(pool).await)?;
        Ok(counts.into())
    }

    /// Versions of each type made since `day`, and customer-supplied ones made since `since`.
    pub async fn made_since(
        &self,
        scope: ScopeId,
        day: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Result<Made, Error> {
        const SQL: &str = "SELECT key_type, COUNT(*) FROM key_version WHERE scope_id = $1 AND created_at >= $2 \
                           GROUP BY key_type";
        const SUPPLIED: &str = "SELECT COUNT(customer_supplied_no) AS ever, COUNT(CASE WHEN created_at >= $2 THEN \
                                customer_supplied_no END) AS lately FROM key_version WHERE scope_id = $1";
        let today: Vec<(String, i64)> =
            on!(self, pool => sqlx::query_as(SQL).bind(scope.0).bind(day).fetch_all(pool).await)?;
        let (ever, lately): (i64, i64) =
            on!(self, pool => sqlx::query_as(SUPPLIED).bind(scope.0).bind(since).fetch_one(pool).await)?;
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let of = |key_type: KeyType| {
            let row = today.iter().find(|(word, _)| word == key_type.word());
            (key_type, row.map_or(0, |(_, made)| count(*made)))
        };
        Ok(Made {
            of_type_today: KeyType::ALL.map(of).into(),
            customer_supplied: count(ever),
            customer_supplied_lately: count(lately),
        })
    }

    /// Every version of a scope, as the data plane looks them up.
    pub async fn version_numbers(&self, scope: ScopeId) -> Result<Vec<Numbered>, Error> {
        const SQL: &str = "SELECT id, number, status FROM key_version WHERE scope_id = $1 ORDER BY number";
        let rows: Vec<(i64, i64, String)> =
            on!(self, pool => sqlx::query_as(SQL).bind(scope.0).fetch_all(pool).await)?;
        let numbered = rows.into_iter().map(|(id, number, status)| {
            let column = |name| corrupt("key_version", name, id);
            Ok(Numbered {
                id,
                number: u32::try_from(number).map_err(|_| column("number"))?,
                is_active: Status::from_word(&status).ok_or_else(|| column("status"))? == Status::Active,
            })
        });
        numbered.collect()
    }

    /// The sealed material of a version.
    pub async fn material(&self, scope: ScopeId, number: u32) -> Result<Option<Vec<u8>>, Error> {
        const SQL: &str = "SELECT material FROM key_version WHERE scope_id = $1 AND number = $2";
        let material: Option<Option<Vec<u8>>> = on!(self, pool => sqlx::query_scalar(SQL).bind(scope.0).bind(i64::from(number)).fetch_optional(pool).await)?;
        material.ok_or(Error::NotFound)
    }

    /// Scopes whose Active managed version is due, the longest due first. Those put off today
    /// come again tomorrow.
    pub async fn due(&self, now: DateTime<Utc>, count: u32) -> Result<Vec<Due>, Error> {
        const SQL: &str = "SELECT k.scope_id, e.slug, s.country, k.due_at FROM key_version k \
                           JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                           WHERE k.status = 'active' AND k.key_type = 'managed' AND k.due_at <= $1 \
                           AND (k.deferred_until IS NULL OR k.deferred_until <= $1) \
                           ORDER BY k.due_at, k.id LIMIT $2";
        Ok(on!(self, pool => sqlx::query_as(SQL).bind(now).bind(i64::from(count)).fetch_all(pool).await)?)
    }
}

/// A version's portal-wide id and its number in its scope.
pub struct Numbered {
    pub id: i64,
    pub number: u32,
    pub is_active: bool,
}

/// How many versions a scope has, as its limits count them.
pub struct Made {
    pub of_type_today: Vec<(KeyType, u32)>,
    pub customer_supplied: u32,
    /// In the time that the forecast looks back.
    pub customer_supplied_lately: u32,
}

/// A version to be stored.
pub struct NewVersionRow<'a> {
    pub scope: ScopeId,
    pub plan: &'a Plan,
    /// Sealed; none where somebody else releases it.
    pub material: Option<&'a [u8]>,
    pub rotated_for_due: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub created_by: &'a str,
}

impl Tx {
    /// The Active version, while the scope is locked.
    pub async fn active_version(&mut self, scope: ScopeId) -> Result<Option<VersionRow>, Error> {
        let record: Option<Record> =
            within!(self, c => sqlx::query_as(ACTIVE).bind(scope.0).fetch_optional(c).await)?;
        record.map(VersionRow::try_from).transpose()
    }

    /// What the scope has used, while it is locked.
    pub async fn usage(
        &mut self,
        scope: ScopeId,
        key_type: KeyType,
        now: DateTime<Utc>,
    ) -> Result<Usage, Error> {
        let counts: Counts = within!(self, c => sqlx::query_as(USAGE)
            .bind(scope.0).bind(day_start(now)).bind(key_type.word()).fetch_one(c).await)?;
        Ok(counts.into())
    }

    pub async fn deprecate(&mut self, scope: ScopeId, number: u32) -> Result<(), Error> {
        const SQL: &str = "UPDATE key_version SET status = 'deprecated' WHERE scope_id = $1 AND number = $2 AND status = 'active'";
        let rows = within!(self, c => sqlx::query(SQL)
            .bind(scope.0).bind(i64::from(number)).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 {
            Ok(())
        } else {
            Err(Error::Fault("the Active version was not there to deprecate".into()))
        }
    }

    /// Inserts a version as the Active one and answers with its portal-wide id.
    pub async fn insert_version(&mut self, row: NewVersionRow<'_>) -> Result<i64, Error> {
        const SQL: &str = "INSERT INTO key_version (scope_id, number, key_type, status, rotation_days, due_at, \
                           rotated_for_due, customer_supplied_no, material, created_at, created_by) \
                           VALUES ($1, $2, $3, 'active', $4, $5, $6, $7, $8, $9, $10) RETURNING id";
        let days = row.plan.new.period().map(RotationPeriod::days);
        Ok(within!(self, c => sqlx::query_scalar(SQL)
            .bind(row.scope.0).bind(i64::from(row.plan.number)).bind(row.plan.new.key_type().word())
            .bind(days).bind(row.plan.due_at).bind(row.rotated_for_due)
            .bind(row.plan.customer_supplied_no.map(i64::from)).bind(row.material).bind(row.created_at)
            .bind(row.created_by).fetch_one(c).await)?)
    }

    /// Another period for the Active version, and the due date that follows from it.
    pub async fn set_period(
        &mut self,
        scope: ScopeId,
        number: u32,
        period: RotationPeriod,
        due_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE key_version SET rotation_days = $3, due_at = $4, deferred_until = NULL \
                           WHERE scope_id = $1 AND number = $2 AND status = 'active'";
        let rows = within!(self, c => sqlx::query(SQL)
            .bind(scope.0).bind(i64::from(number)).bind(period.days()).bind(due_at).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::Outdated("The Active version is another one now.".into())) }
    }

    /// Notes that the rotation waits until `until`; false when that was noted before.
    pub async fn defer(&mut self, scope: ScopeId, number: u32, until: DateTime<Utc>) -> Result<bool, Error> {
        const SQL: &str = "UPDATE key_version SET deferred_until = $3 WHERE scope_id = $1 AND number = $2 \
                           AND status = 'active' AND (deferred_until IS NULL OR deferred_until < $3)";
        let rows = within!(self, c => sqlx::query(SQL)
            .bind(scope.0).bind(i64::from(number)).bind(until).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
