//! Use of each version and of each previous tenant secret, in sums of a day.

use super::{ROWS, on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};
use domain::base::id::ScopeId;
use domain::keys::rotation::day_start;
use domain::keys::usage::{DayCount, User};
use domain::keys::view::UsageView;
use domain::services::api_key::ApiKeyId;
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// Uses of a version or a tenant secret counted since the counts were last written to the database.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub issued: u64,
    pub seen: u64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

/// The API key of sums that belong to no key any more.
const NO_KEY: ApiKeyId = ApiKeyId([0; 6]);

#[derive(sqlx_macros::FromRow)]
struct Sums {
    version_id: i64,
    issued: i64,
    seen: i64,
    first_at: Option<DateTime<Utc>>,
    last_at: DateTime<Utc>,
}

impl Sums {
    fn view(self) -> UsageView {
        let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
        UsageView {
            issued: count(self.issued),
            seen: count(self.seen),
            first_used_at: self.first_at,
            last_used_at: Some(self.last_at),
        }
    }
}

#[derive(sqlx_macros::FromRow)]
struct DayRecord {
    day: DateTime<Utc>,
    api_key_id: Vec<u8>,
    name: Option<String>,
    issued: i64,
    seen: i64,
    last_at: DateTime<Utc>,
}

impl DayRecord {
    fn read(self) -> DayCount {
        let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
        let id = <[u8; 6]>::try_from(self.api_key_id.as_slice()).ok().map(ApiKeyId);
        let user = match (self.name, id) {
            (Some(name), Some(id)) => User::ApiKey { name, id },
            _ => User::NotRecorded,
        };
        DayCount {
            day: self.day.date_naive(),
            user,
            issued: count(self.issued),
            seen: count(self.seen),
            last_at: self.last_at,
        }
    }
}

/// Uses of the previous tenant secrets of a scope.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct PreviousSums {
    pub issued: Option<i64>,
    pub last_at: Option<DateTime<Utc>>,
    pub counted_since: Option<DateTime<Utc>>,
}

fn i64_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

table!(usage: Read, Write);

impl Read<'_> {
    /// Returns, of each of these versions that was ever used, everything that it ever issued, the uses seen since `since`, and the
    /// first and the last use.
    pub(crate) async fn of(
        &self,
        versions: &[i64],
        since: DateTime<Utc>,
    ) -> Result<HashMap<i64, UsageView>, Error> {
        if versions.is_empty() {
            return Ok(HashMap::new());
        }
        let sums: Vec<Sums> = on!(self.0, pool => {
            // CAST: PostgreSQL's sums are NUMERIC. The first use is known only if it is of every sum.
            let mut query = QueryBuilder::new(
                "SELECT version_id, CAST(SUM(issued) AS BIGINT) AS issued, CAST(SUM(CASE WHEN day >= ",
            );
            (&mut query).with(since).push(
                " THEN seen ELSE 0 END) AS BIGINT) AS seen, \
                 CASE WHEN COUNT(*) = COUNT(first_at) THEN MIN(first_at) END AS first_at, \
                 MAX(last_at) AS last_at FROM version_usage WHERE version_id IN ",
            );
            query.push_tuples(versions, |mut values, id| {
                values.with(*id);
            });
            query.push(" GROUP BY version_id").build_query_as().fetch_all(pool).await
        })?;
        Ok(sums.into_iter().map(|sums| (sums.version_id, sums.view())).collect())
    }

    /// Returns the use of a version since `since`, by day and by API key.
    pub(crate) async fn by_key(&self, version: i64, since: DateTime<Utc>) -> Result<Vec<DayCount>, Error> {
        const SQL: &str = "SELECT u.day, u.api_key_id, k.name, u.issued, u.seen, u.last_at FROM version_usage u \
                           LEFT JOIN api_key k ON k.id = u.api_key_id WHERE u.version_id = $1 AND u.day >= $2 ORDER BY u.day";
        let records: Vec<DayRecord> =
            on!(self.0, pool => sqlx::query_as(SQL).with(version).with(since).fetch_all(pool).await)?;
        Ok(records.into_iter().map(DayRecord::read).collect())
    }

    /// Returns the number of keys derived from the previous secrets of a scope since `since`, when the last one was handed out, and
    /// since when the counts are complete: from the beginning, if there is no such time.
    pub(crate) async fn of_previous_secrets(
        &self,
        scope: ScopeId,
        since: DateTime<Utc>,
    ) -> Result<PreviousSums, Error> {
        Ok(on!(self.0, pool => sqlx::query_as(PREVIOUS).with(scope.0).with(since).fetch_one(pool).await)?)
    }
}

const PREVIOUS: &str = "SELECT CAST(SUM(u.issued) AS BIGINT) AS issued, MAX(u.last_at) AS last_at, \
                        (SELECT secrets_counted_since FROM instance WHERE id = 1) AS counted_since \
                        FROM tenant_secret_usage u JOIN tenant_secret t ON t.id = u.secret_id \
                        WHERE t.scope_id = $1 AND t.status = 'previous' AND u.day >= $2";

/// Adds to a row that exists already.
macro_rules! add_up {
    () => {
        // CASE, because the greater of two values is MAX in SQLite and GREATEST in PostgreSQL. A first use that is not known stays so.
        "ON CONFLICT (version_id, day, api_key_id) DO UPDATE SET issued = version_usage.issued + excluded.issued, \
         seen = version_usage.seen + excluded.seen, \
         first_at = CASE WHEN version_usage.first_at <= excluded.first_at THEN version_usage.first_at \
         WHEN version_usage.first_at > excluded.first_at THEN excluded.first_at END, \
         last_at = CASE WHEN version_usage.last_at > excluded.last_at \
         THEN version_usage.last_at ELSE excluded.last_at END"
    };
}

impl Write<'_> {
    /// Adds to the sums of the days; every server adds its own counts.
    pub(crate) async fn add(&mut self, counted: &[((i64, ApiKeyId), Counted)]) -> Result<(), Error> {
        const SQL: &str =
            "INSERT INTO version_usage (version_id, day, api_key_id, issued, seen, first_at, last_at) ";
        for some in counted.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new(SQL);
                query.push_values(some, |mut values, ((version, key), counted)| {
                    let Counted { issued, seen, first_at, last_at } = counted;
                    values
                        .with(version).with(day_start(*last_at)).with(key.0.to_vec()).with(i64_of(*issued))
                        .with(i64_of(*seen)).with(first_at).with(last_at);
                });
                query.push(concat!(" ", add_up!())).build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Adds to the sums of previous tenant secrets.
    pub(crate) async fn add_secrets(&mut self, counted: &[(i64, Counted)]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO tenant_secret_usage (secret_id, day, issued, last_at) ";
        const ADD_UP: &str = " ON CONFLICT (secret_id, day) DO UPDATE SET \
                              issued = tenant_secret_usage.issued + excluded.issued, \
                              last_at = CASE WHEN tenant_secret_usage.last_at > excluded.last_at \
                              THEN tenant_secret_usage.last_at ELSE excluded.last_at END";
        for some in counted.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new(SQL);
                query.push_values(some, |mut values, (secret, Counted { issued, last_at, .. })| {
                    values.with(secret).with(day_start(*last_at)).with(i64_of(*issued)).with(last_at);
                });
                query.push(ADD_UP).build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Returns the same as [`Read::of_previous_secrets`], as this transaction sees it.
    pub(crate) async fn of_previous_secrets(
        &mut self,
        scope: ScopeId,
        since: DateTime<Utc>,
    ) -> Result<PreviousSums, Error> {
        Ok(within!(self.0, c => sqlx::query_as(PREVIOUS).with(scope.0).with(since).fetch_one(c).await)?)
    }

    /// Deletes the sums of previous tenant secrets from before `before`, to which no page looks back.
    pub(crate) async fn forget_secrets(&mut self, before: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM tenant_secret_usage WHERE day < $1";
        within!(self.0, c => sqlx::query(SQL).with(before).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Folds the days before `before` into one row for each version, whichever API key used it.
    pub(crate) async fn fold(&mut self, before: DateTime<Utc>, into: DateTime<Utc>) -> Result<u64, Error> {
        // `day > $2` leaves out the folded row itself, to which the conflict clause adds.
        const FOLD: &str = concat!(
            "INSERT INTO version_usage (version_id, day, api_key_id, issued, seen, first_at, last_at) \
             SELECT version_id, $2, $3, CAST(SUM(issued) AS BIGINT), CAST(SUM(seen) AS BIGINT), \
             CASE WHEN COUNT(*) = COUNT(first_at) THEN MIN(first_at) END, MAX(last_at) FROM version_usage \
             WHERE day > $2 AND day < $1 GROUP BY version_id ",
            add_up!()
        );
        const FORGET: &str = "DELETE FROM version_usage WHERE day > $2 AND day < $1";
        let none = NO_KEY.0.to_vec();
        within!(self.0, c => sqlx::query(FOLD).with(before).with(into).with(&none).execute(c).await.map(drop))?;
        Ok(
            within!(self.0, c => sqlx::query(FORGET).with(before).with(into).execute(c).await.map(|r| r.rows_affected()))?,
        )
    }
}
