//! What the overview shows of all environments and countries at once. Each statement reads an index of what is looked for, because a
//! portal may have tens of thousands of countries, most of which need nothing.

use super::authority::{Claimed, EnvironmentMark, environment_mark};
use super::scopes::{Scope, ScopeRecord, select_scopes};
use super::{on, readable, scope_name, table, unreadable};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::base::id::EnvironmentId;
use domain::custody::preflight::FailureCode;
use domain::keys::limits::CUSTOMER_SUPPLIED_WARN;
use domain::overview::attention::{EndingKey, EndingKeys, Lacking, NAMED};
use domain::overview::calendar::{Coming, Entry, bounds};
use domain::overview::grid::Words;
use domain::overview::lack::Lack;
use domain::scopes::scope::{Country, EnvironmentKind, Slug};
use domain::services::api_key::ApiKeyId;
use sqlx::{AssertSqlSafe, QueryBuilder};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

// An index has the versions whose number among the customer-supplied ones is this one.
const _: () = assert!(CUSTOMER_SUPPLIED_WARN == 80);

/// The times between which rotations are due soon.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub now: DateTime<Utc>,
    pub soon: DateTime<Utc>,
}

/// An environment of the grid.
pub struct GridEnvironment {
    pub id: EnvironmentId,
    pub slug: Slug,
    pub name: String,
    pub kind: EnvironmentKind,
    pub is_proved: bool,
}

impl GridEnvironment {
    /// Returns the words that one of its countries must have.
    pub(crate) fn rest_of(&self, words: &Words) -> Words {
        words.without(&self.name, &self.slug)
    }
}

/// Maximum number of API keys that ended lately of which the list looks at the last use.
const ENDED: usize = 1_000;

/// Where the countries with a lack are found: the tables with the conditions, the time and the reason that are named, the order.
/// `t` holds the [`Times`].
struct Source {
    from: &'static str,
    at: &'static str,
    code: &'static str,
    supplied: &'static str,
    order: &'static str,
}

const NO_KEY: Source = Source {
    from: "FROM t CROSS JOIN scope s JOIN environment e ON e.id = s.environment_id \
           WHERE s.lacks_key = 1 AND e.kind = 'production' AND e.removed_at IS NULL",
    at: "s.created_at",
    code: "CAST(NULL AS TEXT)",
    supplied: "0",
    order: "s.environment_id, s.country",
};

macro_rules! unhealthy {
    ($state:literal) => {
        Source {
            from: concat!(
                "FROM t CROSS JOIN holder h JOIN key_version k ON k.id = h.version_id AND k.status = 'active' \
                 JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                 WHERE h.health <> 'healthy' AND h.health = ",
                $state
            ),
            at: "h.health_since",
            code: "h.health_code",
            supplied: "0",
            order: "h.health_since, h.version_id",
        }
    };
}

const LIMIT_NEAR: Source = Source {
    from: "FROM t CROSS JOIN key_version k JOIN scope s ON s.id = k.scope_id \
           JOIN environment e ON e.id = s.environment_id WHERE k.customer_supplied_no = 80",
    at: "k.created_at",
    code: "CAST(NULL AS TEXT)",
    supplied: "(SELECT MAX(o.customer_supplied_no) FROM key_version o WHERE o.scope_id = s.id)",
    order: "k.created_at, k.id",
};

macro_rules! due {
    ($when:literal) => {
        Source {
            from: concat!(
                "FROM t CROSS JOIN key_version k JOIN scope s ON s.id = k.scope_id \
                 JOIN environment e ON e.id = s.environment_id \
                 WHERE k.status = 'active' AND k.key_type = 'managed' AND ",
                $when
            ),
            at: "k.due_at",
            code: "CAST(NULL AS TEXT)",
            supplied: "0",
            order: "k.due_at, k.id",
        }
    };
}

/// Returns where the countries with a lack are found; nothing for one that needs nothing.
fn source(lack: Lack) -> Option<Source> {
    Some(match lack {
        Lack::NoKey => NO_KEY,
        Lack::Damaged => unhealthy!("'damaged'"),
        Lack::Refused => unhealthy!("'refused'"),
        Lack::Unreachable => unhealthy!("'unreachable'"),
        Lack::Rotate => due!("k.due_at <= t.now"),
        Lack::LimitNear => LIMIT_NEAR,
        Lack::DueSoon => due!("k.due_at > t.now AND k.due_at <= t.soon"),
        Lack::NoKeyInTest => return None,
    })
}

/// Returns the environments and countries with one lack, or with any.
fn needing(lack: Option<Lack>) -> String {
    let sources = Lack::ALL.into_iter().filter(|one| lack.is_none_or(|lack| lack == *one)).filter_map(source);
    let parts: Vec<_> =
        sources.map(|source| format!("SELECT s.environment_id, s.country {}", source.from)).collect();
    match parts.is_empty() {
        true => "SELECT s.environment_id, s.country FROM scope s WHERE 1 = 0".to_owned(),
        false => parts.join(" UNION ALL "),
    }
}

#[derive(sqlx_macros::FromRow)]
struct LackingRecord {
    slug: String,
    name: String,
    country: String,
    at: DateTime<Utc>,
    code: Option<String>,
    supplied: i64,
}

impl LackingRecord {
    fn read(self, lack: Lack) -> Result<Lacking, Error> {
        let scope = scope_name(self.slug, &self.country, "a row")?;
        let supplied = u32::try_from(self.supplied).unwrap_or_default();
        let code = self.code.as_deref().map(FailureCode::stored);
        Ok(Lacking { lack, scope, environment_name: self.name, at: self.at, code, supplied })
    }
}

#[derive(sqlx_macros::FromRow)]
struct DueRecord {
    due_at: DateTime<Utc>,
    slug: String,
    name: String,
    country: String,
}

impl TryFrom<DueRecord> for Entry {
    type Error = Error;
    fn try_from(record: DueRecord) -> Result<Self, Error> {
        let scope = scope_name(record.slug, &record.country, "a row")?;
        Ok(Self { at: record.due_at, coming: Coming::Rotation { scope, environment_name: record.name } })
    }
}

table!(overview: Read);

impl Read<'_> {
    /// Returns the number of countries with each lack, where there are any.
    pub(crate) async fn lack_counts(&self, times: Times) -> Result<Vec<(Lack, u32)>, Error> {
        // Grouped before the join, because a portal may have more countries without a key than environments.
        const SQL: &str = "SELECT 'no-key' AS lack, CAST(COALESCE(SUM(n.countries), 0) AS BIGINT) AS number FROM \
                           (SELECT environment_id, COUNT(*) AS countries FROM scope WHERE lacks_key = 1 \
                           GROUP BY environment_id) n JOIN environment e ON e.id = n.environment_id \
                           WHERE e.kind = 'production' AND e.removed_at IS NULL \
                           UNION ALL SELECT h.health, COUNT(*) FROM holder h JOIN key_version k \
                           ON k.id = h.version_id AND k.status = 'active' WHERE h.health <> 'healthy' GROUP BY h.health \
                           UNION ALL SELECT 'limit-near', COUNT(*) FROM key_version WHERE customer_supplied_no = 80 \
                           UNION ALL SELECT 'rotate', COUNT(*) FROM key_version \
                           WHERE status = 'active' AND key_type = 'managed' AND due_at <= $1 \
                           UNION ALL SELECT 'due-soon', COUNT(*) FROM key_version \
                           WHERE status = 'active' AND key_type = 'managed' AND due_at > $1 AND due_at <= $2";
        let rows: Vec<(String, i64)> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(times.now).with(times.soon).fetch_all(pool).await)?;
        let count = |(word, number): (String, i64)| {
            let lack = Lack::from_word(&word)?;
            Some((lack, u32::try_from(number).unwrap_or(u32::MAX))).filter(|(_, number)| *number > 0)
        };
        let mut counts: Vec<_> = rows.into_iter().filter_map(count).collect();
        counts.sort_unstable();
        Ok(counts)
    }

    /// Returns a few countries with a lack.
    pub(crate) async fn lacking(&self, lack: Lack, times: Times) -> Result<Vec<Lacking>, Error> {
        let Some(Source { from, at, code, supplied, order }) = source(lack) else { return Ok(Vec::new()) };
        // With the times in a table, the database would not see that the index has the order, and would sort every row.
        let from = from.replace("t CROSS JOIN ", "").replace("t.now", "$1").replace("t.soon", "$2");
        let sql = format!(
            "SELECT e.slug, e.name, s.country, {at} AS at, {code} AS code, CAST({supplied} AS BIGINT) AS supplied \
             {from} ORDER BY {order} LIMIT {NAMED}"
        );
        let rows = readable!(self.0, LackingRecord, "scope", {
            let query = sqlx::query(AssertSqlSafe(sql.clone()));
            match lack {
                Lack::Rotate => query.with(times.now),
                Lack::DueSoon => query.with(times.now).with(times.soon),
                _ => query,
            }
        });
        Ok(rows.into_iter().filter_map(|row| row.ok()?.read(lack).ok()).collect())
    }

    /// Returns the environments of the grid: those of kind Production first, then by slug.
    pub(crate) async fn environments(&self) -> Result<Vec<Claimed<GridEnvironment>>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            environment_mark!(),
            " FROM environment e WHERE e.removed_at IS NULL ORDER BY e.kind, e.slug"
        );
        let marks = readable!(self.0, EnvironmentMark, "environment", sqlx::query(SQL));
        let environment = |mark: Result<EnvironmentMark, Error>| {
            let mark = mark.ok()?;
            let (id, slug, name, kind) = mark.names()?;
            Some(Claimed::new(GridEnvironment { id, slug, name, kind, is_proved: true }, mark.claim()))
        };
        Ok(marks.into_iter().filter_map(environment).collect())
    }

    /// Returns the environments that have one of these countries.
    pub(crate) async fn with_countries(
        &self,
        countries: &[Country],
    ) -> Result<HashSet<EnvironmentId>, Error> {
        if countries.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<Uuid> = on!(self.0, pool => {
            let mut query = QueryBuilder::new("SELECT DISTINCT environment_id FROM scope WHERE country IN ");
            query.push_tuples(countries, |mut values, country| {
                values.with(country.code());
            });
            query.build_query_scalar().fetch_all(pool).await
        })?;
        Ok(ids.into_iter().map(EnvironmentId).collect())
    }

    /// Returns the environments with a country that needs attention: because of one lack, or of any.
    pub(crate) async fn needing(
        &self,
        lack: Option<Lack>,
        times: Times,
    ) -> Result<HashSet<EnvironmentId>, Error> {
        let sql = format!(
            "WITH t(now, soon) AS (SELECT $1, $2) SELECT DISTINCT n.environment_id FROM ({}) n",
            needing(lack)
        );
        let ids: Vec<Uuid> = on!(self.0, pool => sqlx::query_scalar(AssertSqlSafe(sql.clone()))
            .with(times.now).with(times.soon).fetch_all(pool).await)?;
        Ok(ids.into_iter().map(EnvironmentId).collect())
    }

    /// Returns the countries that these environments have.
    pub(crate) async fn countries(&self, of: &[EnvironmentId]) -> Result<HashSet<Country>, Error> {
        if of.is_empty() {
            return Ok(HashSet::new());
        }
        let codes: Vec<String> = on!(self.0, pool => {
            let mut query = QueryBuilder::new("SELECT DISTINCT country FROM scope WHERE environment_id IN ");
            query.push_tuples(of, |mut values, id| {
                values.with(id.0);
            });
            query.build_query_scalar().fetch_all(pool).await
        })?;
        Ok(codes.iter().filter_map(|code| Country::from_code(code).ok()).collect())
    }

    /// Returns the countries that need attention in each of these environments.
    pub(crate) async fn countries_needing(
        &self,
        lack: Option<Lack>,
        of: &[EnvironmentId],
        times: Times,
    ) -> Result<HashSet<(EnvironmentId, Country)>, Error> {
        if of.is_empty() {
            return Ok(HashSet::new());
        }
        let rows: Vec<(Uuid, String)> = on!(self.0, pool => {
            let mut query = QueryBuilder::new("WITH t(now, soon) AS (");
            query.push_values([times], |mut values, times| {
                values.with(times.now).with(times.soon);
            });
            query.push(format!(
                ") SELECT n.environment_id, n.country FROM ({}) n WHERE n.environment_id IN ",
                needing(lack)
            ));
            query.push_tuples(of, |mut values, id| {
                values.with(id.0);
            });
            query.build_query_as().fetch_all(pool).await
        })?;
        let named = |(id, code): (Uuid, String)| Some((EnvironmentId(id), Country::from_code(&code).ok()?));
        Ok(rows.into_iter().filter_map(named).collect())
    }

    /// Returns the cells of a page of the grid.
    pub(crate) async fn cells(
        &self,
        of: &[GridEnvironment],
        countries: &[Country],
        now: DateTime<Utc>,
    ) -> Result<Vec<(EnvironmentId, Claimed<Scope>)>, Error> {
        if of.is_empty() || countries.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<Result<ScopeRecord, sqlx::Error>> = on!(self.0, pool => {
            let mut query = QueryBuilder::new(select_scopes!("WHERE s.environment_id IN "));
            query.push_tuples(of, |mut values, environment| {
                values.with(environment.id.0);
            });
            query.push(" AND s.country IN ");
            query.push_tuples(countries, |mut values, country| {
                values.with(country.code());
            });
            let rows = query.build().fetch_all(pool).await?;
            rows.iter().map(sqlx::FromRow::from_row).collect()
        });
        let kinds: HashMap<_, _> = of.iter().map(|environment| (environment.id, environment.kind)).collect();
        let cell = |row: Result<ScopeRecord, sqlx::Error>| {
            let record = row.map_err(|error| unreadable("scope", &error)).ok()?;
            let environment = record.environment();
            Some((environment, Scope::read(record, *kinds.get(&environment)?, now).ok()?))
        };
        Ok(rows.into_iter().filter_map(cell).collect())
    }

    /// Returns the API keys that end in a time.
    pub(crate) async fn ending_keys(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: usize,
    ) -> Result<EndingKeys, Error> {
        const COUNT: &str =
            "SELECT COUNT(*) FROM api_key WHERE revoked_at IS NULL AND expires_at > $1 AND expires_at <= $2";
        let count: i64 =
            on!(self.0, pool => sqlx::query_scalar(COUNT).with(from).with(to).fetch_one(pool).await)?;
        if count == 0 {
            return Ok(EndingKeys::default());
        }
        let named = self.keys_by_end(from, to, most).await?.into_iter().map(|(key, _)| key).collect();
        Ok(EndingKeys { count: u32::try_from(count).unwrap_or(u32::MAX), named })
    }

    /// Returns the API keys that ended in a time and were used within `used` before their end.
    pub(crate) async fn ended_keys(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        used: TimeDelta,
    ) -> Result<EndingKeys, Error> {
        let mut keys = self.keys_by_end(from, to, ENDED).await?;
        keys.retain(|(key, last_used_at)| last_used_at.is_some_and(|at| at >= key.expires_at - used));
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        Ok(EndingKeys { count, named: keys.into_iter().take(NAMED).map(|(key, _)| key).collect() })
    }

    /// Returns the API keys that end in a time, the first to end first, and when each was last used.
    async fn keys_by_end(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<(EndingKey, Option<DateTime<Utc>>)>, Error> {
        type Row = (Vec<u8>, String, DateTime<Utc>, Option<DateTime<Utc>>);
        const SQL: &str = "SELECT id, name, expires_at, last_used_at FROM api_key \
                           WHERE revoked_at IS NULL AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows: Vec<Row> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(from).with(to).with(most).fetch_all(pool).await)?;
        let key = |(id, name, expires_at, last_used_at): Row| {
            let id = ApiKeyId(id.as_slice().try_into().ok()?);
            Some((EndingKey { id, name, expires_at }, last_used_at))
        };
        Ok(rows.into_iter().filter_map(key).collect())
    }

    /// Returns the number of rotations that are due on each of these days.
    pub(crate) async fn rotations_on(&self, days: &[NaiveDate]) -> Result<Vec<u32>, Error> {
        let numbers: Vec<(i64, i64)> = on!(self.0, pool => {
            let mut query = QueryBuilder::new("WITH d(place, begins, ends) AS (");
            query.push_values(days.iter().enumerate(), |mut values, (place, day)| {
                let (begins, ends) = bounds(*day);
                values.with(i64::try_from(place).unwrap_or_default()).with(begins).with(ends);
            });
            query.push(
                ") SELECT d.place, (SELECT COUNT(*) FROM key_version k WHERE k.status = 'active' \
                 AND k.key_type = 'managed' AND k.due_at >= d.begins AND k.due_at < d.ends) FROM d ORDER BY d.place",
            );
            query.build_query_as().fetch_all(pool).await
        })?;
        Ok(numbers.into_iter().map(|(_, number)| u32::try_from(number).unwrap_or(u32::MAX)).collect())
    }

    /// Returns rotations that are due in a time, the first of them first.
    pub(crate) async fn rotations(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        skip: usize,
        most: usize,
    ) -> Result<Vec<Entry>, Error> {
        const SQL: &str = "SELECT k.due_at, e.slug, e.name, s.country FROM \
                           (SELECT id, due_at, scope_id FROM key_version WHERE status = 'active' \
                           AND key_type = 'managed' AND due_at >= $1 AND due_at < $2 \
                           ORDER BY due_at, id LIMIT $3 OFFSET $4) k \
                           JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                           ORDER BY k.due_at, k.id";
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let rows = readable!(
            self.0,
            DueRecord,
            "key_version",
            sqlx::query(SQL).with(from).with(to).with(number(most)).with(number(skip))
        );
        Ok(rows.into_iter().filter_map(|row| Entry::try_from(row.ok()?).ok()).collect())
    }
}
