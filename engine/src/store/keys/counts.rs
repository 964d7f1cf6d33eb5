//! Counts of versions, for the limits of a scope.

use super::{Read, Write};
use crate::Error;
use crate::store::scopes::{ClaimedScope, NamedRecord, named};
use crate::store::text::{With, sought};
use crate::store::{corrupt, on, within};
use chrono::{DateTime, Utc};
use domain::base::id::ScopeId;
use domain::keys::key_type::KeyType;
use domain::keys::limits::Used;
use domain::keys::rotation::day_start;
use domain::scopes::scope::ScopeName;

#[derive(sqlx_macros::FromRow)]
pub(super) struct Counts {
    of_type_today: i64,
    today: i64,
    customer_supplied: i64,
    numbers_through: i64,
}

#[derive(sqlx_macros::FromRow)]
struct MadeRecord {
    #[sqlx(flatten)]
    named: NamedRecord,
    customer_supplied: i64,
    lately: i64,
    active_type: Option<String>,
    highest: i64,
    numbers_through: i64,
}

/// Numbers of versions of a scope, as its limits count them.
pub struct VersionCounts {
    pub of_type_today: Vec<(KeyType, u32)>,
    pub customer_supplied: u32,
    /// Number of those made in the period that the forecast looks back on.
    pub customer_supplied_lately: u32,
    /// Type of the Active version.
    pub active_type: Option<KeyType>,
    /// The highest number that a version has or may have had.
    pub highest: u32,
}

/// Each count reads an index of its own, so that its cost does not grow with the number of a scope's versions.
macro_rules! counts {
    ($scope:literal, $day:literal, $key_type:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM key_version d WHERE d.scope_id = ",
            $scope,
            " AND d.created_at >= ",
            $day,
            " AND d.key_type = ",
            $key_type,
            ") AS of_type_today, ",
            "(SELECT COUNT(*) FROM key_version d WHERE d.scope_id = ",
            $scope,
            " AND d.created_at >= ",
            $day,
            ") AS today, ",
            "(SELECT COUNT(*) FROM key_version d WHERE d.scope_id = ",
            $scope,
            " AND d.customer_supplied_no IS NOT NULL) AS customer_supplied, ",
            "(SELECT numbers_through FROM scope d WHERE d.id = ",
            $scope,
            ") AS numbers_through"
        )
    };
}
pub(super) use counts;

const USAGE: &str = concat!("SELECT ", counts!("$1", "$2", "$3"));
/// Counts a scope's versions of each type made since `$2`.
const OF_TYPE: &str =
    "SELECT key_type, COUNT(*) FROM key_version WHERE scope_id = $1 AND created_at >= $2 GROUP BY key_type";
/// Customer-supplied versions are few, and have an index. The time is in a FILTER, so that no planner uses the index of times
/// instead and reads all versions made since.
const MADE: &str = named!(concat!(
    ", (SELECT COUNT(*) FROM key_version d WHERE d.scope_id = s.id AND d.customer_supplied_no IS NOT NULL) \
      AS customer_supplied, (SELECT COUNT(*) FILTER (WHERE d.created_at >= $3) FROM key_version d \
      WHERE d.scope_id = s.id AND d.customer_supplied_no IS NOT NULL) AS lately, \
      (SELECT key_type FROM key_version d WHERE d.scope_id = s.id AND d.status = 'active') AS active_type, \
      (SELECT COALESCE(MAX(d.number), 0) FROM key_version d WHERE d.scope_id = s.id) AS highest, s.numbers_through"
));

/// Returns a count of the database.
fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<Counts> for Used {
    fn from(counts: Counts) -> Self {
        Self {
            of_type_today: count(counts.of_type_today),
            today: count(counts.today),
            customer_supplied: count(counts.customer_supplied),
            numbers_through: count(counts.numbers_through),
        }
    }
}

impl Read<'_> {
    pub(crate) async fn used(
        &self,
        scope: ScopeId,
        key_type: KeyType,
        now: DateTime<Utc>,
    ) -> Result<Used, Error> {
        let counts: Counts = on!(self.0, pool => sqlx::query_as(USAGE)
            .with(scope.0).with(day_start(now)).with(key_type.word()).fetch_one(pool).await)?;
        Ok(counts.into())
    }

    /// Finds a scope by its name, and counts its versions of each type made since `day` and its customer-supplied ones made since
    /// `since`. It also returns the type of the Active version.
    pub(crate) async fn version_counts(
        &self,
        name: &ScopeName,
        day: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Result<(ClaimedScope, VersionCounts), Error> {
        let record: Option<MadeRecord> = on!(self.0, pool => sqlx::query_as(MADE)
            .with(sought(name.environment.as_str())).with(name.country.code()).with(since)
            .fetch_optional(pool).await)?;
        let MadeRecord { named, customer_supplied, lately, active_type, highest, numbers_through } =
            record.ok_or(Error::NotFound)?;
        let named = ClaimedScope::try_from(named)?;
        let id = named.scope.claim().place.row;
        let made: Vec<(String, i64)> = on!(self.0, pool => sqlx::query_as(OF_TYPE)
            .with(id).with(day).fetch_all(pool).await)?;
        let made_of = |key_type: KeyType| made.iter().find(|(word, _)| word == key_type.word());
        let column = || corrupt("key_version", "key_type", format!("the Active one of {name}"));
        let active_type = active_type.map(|word| KeyType::from_word(&word).ok_or_else(column));
        let made = VersionCounts {
            of_type_today: KeyType::ALL
                .map(|key_type| (key_type, made_of(key_type).map_or(0, |(_, made)| count(*made))))
                .into(),
            customer_supplied: count(customer_supplied),
            customer_supplied_lately: count(lately),
            active_type: active_type.transpose()?,
            highest: count(highest.max(numbers_through)),
        };
        Ok((named, made))
    }
}

impl Write<'_> {
    /// Returns what the scope has used of its limits. The caller holds the lock of the scope.
    pub(crate) async fn used(
        &mut self,
        scope: ScopeId,
        key_type: KeyType,
        now: DateTime<Utc>,
    ) -> Result<Used, Error> {
        let counts: Counts = within!(self.0, c => sqlx::query_as(USAGE)
            .with(scope.0).with(day_start(now)).with(key_type.word()).fetch_one(c).await)?;
        Ok(counts.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;

    /// Limits keep the number of today's versions small; those of a month may be a million.
    #[tokio::test]
    async fn only_what_was_made_today_is_counted_by_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::sqlite(&folder.path().join("keystead.db")).await.expect("it opens");
        db.migrate().await.expect("the schema");
        let mut steps: Vec<(i64, i64, i64, String)> = Vec::new();
        for sql in [MADE, OF_TYPE] {
            steps.extend(crate::testing::look::rows(&db, &format!("EXPLAIN QUERY PLAN {sql}")).await);
        }
        let using = |index: &str| steps.iter().filter(|step| step.3.contains(index)).count();
        assert_eq!(using("(scope_id=? AND created_at>?)"), 1, "{steps:?}");
        assert_eq!(using("(scope_id=? AND customer_supplied_no>?)"), 2, "{steps:?}");
        assert_eq!(using("SCAN"), 0, "{steps:?}");
        db.close().await;
    }
}
