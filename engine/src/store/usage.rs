//! Use of each version and of each previous tenant secret, in sums of a day.

use super::{ROWS, on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};
use domain::base::id::ScopeId;
use domain::keys::rotation::day_start;
use domain::keys::view::UsageView;
use sqlx::QueryBuilder;

/// Uses of a version or a tenant secret counted since the counts were last written to the database.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub issued: u64,
    pub seen: u64,
    pub last_at: DateTime<Utc>,
}

#[derive(sqlx_macros::FromRow)]
struct Sums {
    issued: Option<i64>,
    seen: Option<i64>,
    last_at: Option<DateTime<Utc>>,
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
    /// Returns everything that the version ever issued, the uses seen since `since`, and the last use.
    pub(crate) async fn of(&self, version: i64, since: DateTime<Utc>) -> Result<UsageView, Error> {
        // CAST: PostgreSQL's sums are NUMERIC.
        const SQL: &str = "SELECT CAST(SUM(issued) AS BIGINT) AS issued, \
                           CAST(SUM(CASE WHEN day >= $2 THEN seen ELSE 0 END) AS BIGINT) AS seen, \
                           MAX(last_at) AS last_at FROM version_usage WHERE version_id = $1";
        let sums: Sums =
            on!(self.0, pool => sqlx::query_as(SQL).with(version).with(since).fetch_one(pool).await)?;
        let count = |sum: Option<i64>| sum.and_then(|sum| u64::try_from(sum).ok()).unwrap_or_default();
        Ok(UsageView { issued: count(sums.issued), seen: count(sums.seen), last_used_at: sums.last_at })
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
        // CASE, because the greater of two values is MAX in SQLite and GREATEST in PostgreSQL.
        "ON CONFLICT (version_id, day) DO UPDATE SET issued = version_usage.issued + excluded.issued, \
         seen = version_usage.seen + excluded.seen, last_at = CASE WHEN version_usage.last_at > \
         excluded.last_at THEN version_usage.last_at ELSE excluded.last_at END"
    };
}

impl Write<'_> {
    /// Adds to the sums of the days; every server adds its own counts.
    pub(crate) async fn add(&mut self, counted: &[(i64, Counted)]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO version_usage (version_id, day, issued, seen, last_at) ";
        for some in counted.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new(SQL);
                query.push_values(some, |mut values, (version, Counted { issued, seen, last_at })| {
                    values
                        .with(version).with(day_start(*last_at)).with(i64_of(*issued))
                        .with(i64_of(*seen)).with(last_at);
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

    /// Folds the days before `before` into one row for each version.
    pub(crate) async fn fold(&mut self, before: DateTime<Utc>, into: DateTime<Utc>) -> Result<u64, Error> {
        // `day > $2` leaves out the folded row itself, to which the conflict clause adds.
        const FOLD: &str = concat!(
            "INSERT INTO version_usage (version_id, day, issued, seen, last_at) SELECT version_id, $2, \
             CAST(SUM(issued) AS BIGINT), CAST(SUM(seen) AS BIGINT), MAX(last_at) FROM version_usage \
             WHERE day > $2 AND day < $1 GROUP BY version_id ",
            add_up!()
        );
        const FORGET: &str = "DELETE FROM version_usage WHERE day > $2 AND day < $1";
        within!(self.0, c => sqlx::query(FOLD).with(before).with(into).execute(c).await.map(drop))?;
        Ok(
            within!(self.0, c => sqlx::query(FORGET).with(before).with(into).execute(c).await.map(|r| r.rows_affected()))?,
        )
    }
}
