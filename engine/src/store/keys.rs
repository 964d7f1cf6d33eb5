//! Key versions.

mod counts;

use super::authority::{Claimed, VersionMark, version_mark};
use super::holders::health_of;
use super::{Inner, corrupt, on, readable, scope_name, table, within};
use crate::Error;
use crate::base::error::ChangesError;
use crate::store::text::{With, kept};
use chrono::{DateTime, Utc};
use counts::{Counts, counts};
use domain::base::id::ScopeId;
use domain::keys::key_type::KeyType;
use domain::keys::key_version::{ActiveVersion, Plan, Status};
use domain::keys::limits::Used;
use domain::keys::rotation::{RotationPeriod, day_start};
use domain::keys::version_ref::LeaseKey;
use domain::keys::view::VersionRow;
use domain::scopes::command::ScopeRef;
use domain::scopes::scope::ScopeName;
use sqlx::{AssertSqlSafe, QueryBuilder};
use std::ops::Range;
use uuid::Uuid;

#[derive(sqlx_macros::FromRow)]
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
    #[sqlx(flatten)]
    mark: VersionMark,
}

impl TryFrom<Record> for Claimed<VersionRow> {
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
        let row = VersionRow {
            number: u32::try_from(record.number).map_err(|_| column("number"))?,
            key_type: KeyType::from_word(&record.key_type).ok_or_else(|| column("key_type"))?,
            period: period.transpose()?,
            created_at: record.created_at,
            status: Status::from_word(&record.status).ok_or_else(|| column("status"))?,
            due_at: record.due_at,
            created_by: record.created_by,
            id: record.id,
            health,
            is_proved: true,
        };
        Ok(Self::new(row, record.mark.claim()))
    }
}

/// Returns the facts about the Active version that the rules need.
pub fn as_active(row: &VersionRow) -> ActiveVersion {
    ActiveVersion {
        number: row.number,
        key_type: row.key_type,
        created_at: row.created_at,
        period: row.period,
        due_at: row.due_at,
    }
}

/// An Active managed version that is due. It also serves as the cursor in the list of them.
#[derive(Clone, Debug, Default, sqlx_macros::FromRow)]
pub struct DueVersion {
    pub due_at: DateTime<Utc>,
    pub id: i64,
    pub scope_id: Uuid,
}

/// A due version whose scope is locked, and what the scope has used of its limits.
pub struct Due {
    pub scope: ScopeRef,
    pub version: ActiveVersion,
    pub used: Used,
}

#[derive(sqlx_macros::FromRow)]
struct DueRecord {
    scope_id: Uuid,
    slug: String,
    country: String,
    number: i64,
    rotation_days: i64,
    due_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    #[sqlx(flatten)]
    counts: Counts,
}

impl TryFrom<DueRecord> for Due {
    type Error = Error;
    fn try_from(record: DueRecord) -> Result<Self, Error> {
        let version = |name| corrupt("key_version", name, format!("the Active one of {}", record.scope_id));
        let name = scope_name(record.slug, &record.country, record.scope_id)?;
        let period = RotationPeriod::try_from(record.rotation_days).map_err(|_| version("rotation_days"))?;
        Ok(Self {
            scope: ScopeRef { id: ScopeId(record.scope_id), name },
            version: ActiveVersion {
                number: u32::try_from(record.number).map_err(|_| version("number"))?,
                key_type: KeyType::Managed,
                created_at: record.created_at,
                period: Some(period),
                due_at: Some(record.due_at),
            },
            used: record.counts.into(),
        })
    }
}

macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.number, k.key_type, k.status, k.rotation_days, k.due_at, k.created_at, k.created_by, \
             h.health, h.health_since, h.health_code, ",
            version_mark!(),
            " FROM key_version k LEFT JOIN holder h ON h.version_id = k.id ",
            $rest
        )
    };
}
macro_rules! select_sealed {
    ($condition:literal) => {
        concat!(
            "SELECT k.id, k.scope_id, e.slug, s.country, k.number, k.key_type, k.material FROM key_version k \
             JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id WHERE ",
            $condition
        )
    };
}
const ACTIVE: &str = select_versions!("WHERE k.scope_id = $1 AND k.status = 'active'");
/// Restricts a statement to versions that are due at `$1` and not deferred until later.
macro_rules! due {
    () => {
        " WHERE k.status = 'active' AND k.key_type = 'managed' AND k.due_at <= $1 \
          AND (k.deferred_until IS NULL OR k.deferred_until <= $1) AND "
    };
}

table!(keys: Read, Write);

impl Read<'_> {
    /// Returns versions below `before` (or the newest), newest first.
    async fn versions(
        &self,
        scope: ScopeId,
        before: Option<u32>,
        count: u32,
    ) -> Result<Vec<Claimed<VersionRow>>, Error> {
        const SQL: &str =
            select_versions!("WHERE k.scope_id = $1 AND k.number < $2 ORDER BY k.number DESC LIMIT $3");
        let before = before.map_or(i64::MAX, i64::from);
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(scope.0).with(before).with(i64::from(count)).fetch_all(pool).await)?;
        records.into_iter().map(Claimed::try_from).collect()
    }

    /// Returns a page of versions, and the number below which the next page begins, if there is one.
    pub(crate) async fn page(
        &self,
        scope: ScopeId,
        before: Option<u32>,
        size: u32,
    ) -> Result<(Vec<Claimed<VersionRow>>, Option<u32>), Error> {
        let mut versions = self.versions(scope, before, size + 1).await?;
        let has_older = versions.len() > size as usize;
        versions.truncate(size as usize);
        let older = versions.last().filter(|_| has_older).map(|version| version.row().number);
        Ok((versions, older))
    }

    /// Returns the number of versions of a scope.
    pub(crate) async fn count(&self, scope: ScopeId) -> Result<usize, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM key_version WHERE scope_id = $1";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).with(scope.0).fetch_one(pool).await)?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Returns the versions at these positions of the list that begins with the newest.
    pub(crate) async fn at(
        &self,
        scope: ScopeId,
        positions: Range<usize>,
    ) -> Result<Vec<Claimed<VersionRow>>, Error> {
        const SQL: &str = select_versions!("WHERE k.scope_id = $1 ORDER BY k.number DESC LIMIT $2 OFFSET $3");
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(scope.0).with(number(positions.len())).with(number(positions.start)).fetch_all(pool).await)?;
        records.into_iter().map(Claimed::try_from).collect()
    }

    /// Returns the version that followed a version.
    pub(crate) async fn next(
        &self,
        scope: ScopeId,
        number: u32,
    ) -> Result<Option<Claimed<VersionRow>>, Error> {
        const SQL: &str =
            select_versions!("WHERE k.scope_id = $1 AND k.number > $2 ORDER BY k.number LIMIT 1");
        let record: Option<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(scope.0).with(i64::from(number)).fetch_optional(pool).await)?;
        record.map(Claimed::try_from).transpose()
    }

    pub(crate) async fn version(&self, scope: ScopeId, number: u32) -> Result<Claimed<VersionRow>, Error> {
        const SQL: &str = select_versions!("WHERE k.scope_id = $1 AND k.number = $2");
        let record: Option<Record> = on!(self.0, pool => sqlx::query_as(SQL).with(scope.0).with(i64::from(number)).fetch_optional(pool).await)?;
        record.ok_or(Error::NotFound)?.try_into()
    }

    pub(crate) async fn active_version(&self, scope: ScopeId) -> Result<Option<Claimed<VersionRow>>, Error> {
        let record: Option<Record> =
            on!(self.0, pool => sqlx::query_as(ACTIVE).with(scope.0).fetch_optional(pool).await)?;
        record.map(Claimed::try_from).transpose()
    }

    /// Returns every version of a scope with the fields that the data plane looks up.
    pub(crate) async fn version_numbers(&self, scope: ScopeId) -> Result<Vec<Numbered>, Error> {
        const SQL: &str = "SELECT id, number FROM key_version WHERE scope_id = $1 ORDER BY number";
        let rows: Vec<(i64, i64)> =
            on!(self.0, pool => sqlx::query_as(SQL).with(scope.0).fetch_all(pool).await)?;
        // A number that is out of range belongs to no version that anybody can name.
        let numbered = |(id, number)| Some(Numbered { id, number: u32::try_from(number).ok()? });
        Ok(rows.into_iter().filter_map(numbered).collect())
    }

    /// Returns the version of a scope that says that it is the Active one.
    pub(crate) async fn active_number(&self, scope: ScopeId) -> Result<Option<Claimed<Numbered>>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            version_mark!(),
            " FROM key_version k WHERE k.scope_id = $1 AND k.status = 'active'"
        );
        let mark: Option<VersionMark> =
            on!(self.0, pool => sqlx::query_as(SQL).with(scope.0).fetch_optional(pool).await)?;
        let Some(mark) = mark else { return Ok(None) };
        let number = u32::try_from(mark.k_number).map_err(|_| corrupt("key_version", "number", mark.k_id))?;
        Ok(Some(Claimed::new(Numbered { id: mark.k_id, number }, mark.claim())))
    }

    /// Returns the highest number that each scope has or has left out.
    pub(crate) async fn highest_numbers(&self) -> Result<Vec<(ScopeName, u32)>, Error> {
        const SQL: &str = "SELECT e.slug, s.country, MAX(k.number) FROM key_version k JOIN scope s ON s.id = k.scope_id \
                           JOIN environment e ON e.id = s.environment_id GROUP BY e.slug, s.country";
        let rows: Vec<(String, String, i64)> =
            on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        let read = |(slug, country, number): (String, String, i64)| {
            Some((scope_name(slug, &country, "a row").ok()?, u32::try_from(number).ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Returns versions of every scope in the order of their ids, after `after`, each with its sealed material.
    pub(crate) async fn sealed(&self, after: i64, count: u32) -> Result<Vec<SealedVersion>, Error> {
        const SQL: &str = select_sealed!("k.id > $1 ORDER BY k.id LIMIT $2");
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(after).with(i64::from(count)).fetch_all(pool).await)?)
    }

    /// Returns the dates of every Active managed version. A row that cannot be read is an error in the list.
    pub(crate) async fn dates(&self) -> Result<Vec<Result<Dates, Error>>, Error> {
        const SQL: &str = "SELECT e.slug, s.country, k.number, k.rotation_days, k.created_at, k.due_at, k.deferred_until \
                           FROM key_version k JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                           WHERE k.status = 'active' AND k.key_type = 'managed' ORDER BY e.slug, s.country";
        Ok(readable!(self.0, Dates, "key_version", sqlx::query(SQL)))
    }

    /// Returns one of them.
    pub(crate) async fn sealed_one(
        &self,
        scope: ScopeId,
        number: u32,
    ) -> Result<Option<SealedVersion>, Error> {
        const SQL: &str = select_sealed!("k.scope_id = $1 AND k.number = $2");
        Ok(
            on!(self.0, pool => sqlx::query_as(SQL).with(scope.0).with(i64::from(number)).fetch_optional(pool).await)?,
        )
    }

    /// Returns the sealed material of a version.
    pub(crate) async fn material(&self, scope: ScopeId, number: u32) -> Result<Option<Vec<u8>>, Error> {
        const SQL: &str = "SELECT material FROM key_version WHERE scope_id = $1 AND number = $2";
        let material: Option<Option<Vec<u8>>> = on!(self.0, pool => sqlx::query_scalar(SQL).with(scope.0).with(i64::from(number)).fetch_optional(pool).await)?;
        material.ok_or(Error::NotFound)
    }

    /// Returns Active managed versions that are due, the longest due first, beginning after `after`. Versions
    /// that were deferred today come again tomorrow.
    pub(crate) async fn due(
        &self,
        now: DateTime<Utc>,
        after: &DueVersion,
        count: usize,
    ) -> Result<Vec<DueVersion>, Error> {
        const SQL: &str = concat!(
            "SELECT k.due_at, k.id, k.scope_id FROM key_version k",
            due!(),
            "(k.due_at, k.id) > ($2, $3) ORDER BY k.due_at, k.id LIMIT $4"
        );
        Ok(on!(self.0, pool => sqlx::query_as(SQL)
            .with(now).with(after.due_at).with(after.id).with(i64::try_from(count).unwrap_or(i64::MAX))
            .fetch_all(pool).await)?)
    }
}

/// The dates of an Active managed version.
#[derive(sqlx_macros::FromRow)]
pub struct Dates {
    slug: String,
    country: String,
    number: i64,
    rotation_days: i64,
    created_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    deferred_until: Option<DateTime<Utc>>,
}

impl Dates {
    /// Checks whether the due date follows from creation and period, and no deferral lasts longer than until the next day.
    pub fn are_right(&self, now: DateTime<Utc>) -> bool {
        let due =
            RotationPeriod::try_from(self.rotation_days).ok().map(|period| period.due_after(self.created_at));
        let micros = |at: DateTime<Utc>| at.timestamp_micros();
        due.map(micros) == Some(micros(self.due_at))
            && self.deferred_until.is_none_or(|until| until <= now + chrono::TimeDelta::days(2))
    }

    pub fn name(&self) -> String {
        format!("version {} of {}/{}", self.number, self.slug, self.country)
    }
}

/// A version as it is stored.
#[derive(sqlx_macros::FromRow)]
pub struct SealedVersion {
    pub id: i64,
    pub scope_id: Uuid,
    slug: String,
    country: String,
    number: i64,
    key_type: String,
    /// `None` when a customer's KMS releases it.
    pub material: Option<Vec<u8>>,
}

impl SealedVersion {
    /// Returns its name in a sentence.
    pub fn name(&self) -> String {
        format!("version {} of {}/{}", self.number, self.slug, self.country)
    }

    pub fn key(&self) -> LeaseKey {
        LeaseKey { scope: ScopeId(self.scope_id), number: u32::try_from(self.number).unwrap_or_default() }
    }

    pub fn is_held(&self) -> bool {
        matches!(KeyType::from_word(&self.key_type), Some(KeyType::CustomerHeld(_)))
    }
}

/// A version's portal-wide id and its number in its scope.
pub struct Numbered {
    pub id: i64,
    pub number: u32,
}

/// A version to be stored.
pub struct NewVersionRow<'a> {
    pub id: i64,
    pub scope: ScopeId,
    pub plan: Plan,
    /// Sealed; `None` when a customer's KMS releases it.
    pub material: Option<Vec<u8>>,
    pub rotated_for_due: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub created_by: &'a str,
}

impl NewVersionRow<'_> {
    /// Returns what the row says once it is stored.
    pub fn mark(&self) -> VersionMark {
        VersionMark {
            k_id: self.id,
            k_scope_id: self.scope.0,
            k_number: i64::from(self.plan.number),
            k_key_type: self.plan.new.key_type().word().to_owned(),
            k_status: Status::Active.word().to_owned(),
            k_rotation_days: self.plan.new.period().map(RotationPeriod::days),
            k_customer_supplied_no: self.plan.customer_supplied_no.map(i64::from),
            k_created_at: self.created_at,
            k_created_by: self.created_by.to_owned(),
            k_mac: None,
            k_revision: 0,
        }
    }
}

impl Write<'_> {
    /// Draws ids for versions.
    pub(crate) async fn draw_ids(&mut self, count: usize) -> Result<Vec<i64>, Error> {
        self.0.draw_ids(count).await
    }

    /// Returns the Active versions of these scopes.
    pub(crate) async fn active_marks(&mut self, scopes: &[ScopeId]) -> Result<Vec<VersionMark>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            version_mark!(),
            " FROM key_version k WHERE k.status = 'active' AND k.scope_id IN "
        );
        if scopes.is_empty() {
            return Ok(Vec::new());
        }
        Ok(within!(self.0, c => {
            let mut query = QueryBuilder::new(SQL);
            query.push_tuples(scopes, |mut values, scope| {
                values.with(scope.0);
            });
            query.build_query_as().fetch_all(c).await?
        }))
    }

    /// Returns the Active version. The caller holds the lock of the scope.
    pub(crate) async fn active_version(
        &mut self,
        scope: ScopeId,
    ) -> Result<Option<Claimed<VersionRow>>, Error> {
        let record: Option<Record> =
            within!(self.0, c => sqlx::query_as(ACTIVE).with(scope.0).fetch_optional(c).await)?;
        record.map(Claimed::try_from).transpose()
    }

    /// Returns those of the versions that are still due, and locks their scopes. On PostgreSQL it skips what
    /// another server has locked. When another server makes a version in a scope, it deprecates the due one,
    /// so the counts of the versions returned here stay true.
    pub(crate) async fn lock_due(
        &mut self,
        these: &[DueVersion],
        now: DateTime<Utc>,
    ) -> Result<Vec<Due>, Error> {
        const SQL: &str = concat!(
            "SELECT k.scope_id, e.slug, s.country, k.number, k.rotation_days, k.due_at, k.created_at, ",
            counts!("k.scope_id", "$2", "'managed'"),
            " FROM key_version k JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id",
            due!()
        );
        let locking = match self.0.0 {
            Inner::Sqlite(_) => "",
            // With the version's row locked, PostgreSQL checks a version that has changed since the snapshot once more.
            Inner::Postgres(_) => " FOR UPDATE OF k, s SKIP LOCKED",
        };
        let ids: Vec<_> = (3..these.len() + 3).map(|number| format!("${number}")).collect();
        let sql = AssertSqlSafe(format!("{SQL}k.id IN ({}){locking}", ids.join(", ")));
        let records: Vec<DueRecord> = within!(self.0, c => {
            let query = sqlx::query_as(sql).with(now).with(day_start(now));
            these.iter().fold(query, |query, version| query.with(version.id)).fetch_all(c).await?
        });
        records.into_iter().map(Due::try_from).collect()
    }

    /// Deprecates Active versions.
    pub(crate) async fn deprecate(&mut self, these: &[i64]) -> Result<(), Error> {
        const SQL: &str = "UPDATE key_version SET status = 'deprecated' WHERE status = 'active' AND id IN ";
        if these.is_empty() {
            return Ok(());
        }
        let changed = within!(self.0, c => {
            let mut query = QueryBuilder::new(SQL);
            query.push_tuples(these, |mut values, id| {
                values.with(*id);
            });
            query.build().execute(c).await?.rows_affected()
        });
        if usize::try_from(changed) == Ok(these.len()) {
            Ok(())
        } else {
            Err(Error::Fault("an Active version was not there to deprecate".into()))
        }
    }

    /// Inserts versions as the Active ones, with their codes.
    pub(crate) async fn insert_versions(
        &mut self,
        these: &[(NewVersionRow<'_>, [u8; 32])],
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO key_version (id, scope_id, number, key_type, status, rotation_days, due_at, \
                           rotated_for_due, customer_supplied_no, material, created_at, created_by, mac) ";
        within!(self.0, c => {
            let mut query = QueryBuilder::new(SQL);
            query.push_values(these, |mut values, (row, mac)| {
                values
                    .with(row.id).with(row.scope.0).with(i64::from(row.plan.number))
                    .with(row.plan.new.key_type().word()).with(Status::Active.word())
                    .with(row.plan.new.period().map(RotationPeriod::days)).with(row.plan.due_at)
                    .with(row.rotated_for_due).with(row.plan.customer_supplied_no.map(i64::from))
                    .with(row.material.as_deref()).with(row.created_at).with(kept(row.created_by))
                    .with(&mac[..]);
            });
            query.build().execute(c).await.map(drop)
        })?;
        // Automatic rotations have a version before them, so only a person's change writes this.
        let first: Vec<ScopeId> =
            these.iter().filter(|(row, _)| row.plan.deprecates.is_none()).map(|(row, _)| row.scope).collect();
        for scope in first {
            const KEY: &str = "UPDATE scope SET lacks_key = 0 WHERE id = $1 AND lacks_key = 1";
            within!(self.0, c => sqlx::query(KEY).with(scope.0).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Sets the rotation period of the Active version, and the due date that follows from it.
    pub(crate) async fn set_period(
        &mut self,
        scope: ScopeId,
        number: u32,
        period: RotationPeriod,
        due_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        // A deferral belongs to the old due date. If a limit still forbids the rotation, the scheduler defers it again.
        const SQL: &str = "UPDATE key_version SET rotation_days = $3, due_at = $4, deferred_until = NULL \
                           WHERE scope_id = $1 AND number = $2 AND status = 'active'";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(scope.0).with(i64::from(number)).with(period.days()).with(due_at).execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 {
            Ok(())
        } else {
            Err(Error::Changes(ChangesError::Outdated("The active version has changed.".into())))
        }
    }

    /// Defers the rotation until `until`; returns false when that was recorded before.
    pub(crate) async fn defer(
        &mut self,
        scope: ScopeId,
        number: u32,
        until: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const SQL: &str = "UPDATE key_version SET deferred_until = $3 WHERE scope_id = $1 AND number = $2 \
                           AND status = 'active' AND (deferred_until IS NULL OR deferred_until < $3)";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(scope.0).with(i64::from(number)).with(until).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
