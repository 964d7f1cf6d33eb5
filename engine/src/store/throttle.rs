//! The failure counters.

use super::{on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};

/// The failure counter of one subject.
#[derive(Clone, Copy, sqlx_macros::FromRow)]
pub struct Counter {
    pub failures: i64,
    /// Wrong verification codes in a row.
    pub wrong_codes: i64,
    pub blocked_until: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

table!(throttle: Read, Write);

impl Read<'_> {
    pub(crate) async fn of(&self, subject: &[u8]) -> Result<Option<Counter>, Error> {
        const SQL: &str =
            "SELECT failures, wrong_codes, blocked_until, updated_at FROM throttle WHERE subject = $1";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(subject).fetch_optional(pool).await)?)
    }
}

impl Write<'_> {
    /// Reads a counter, creates it when it is missing, and locks it until the transaction ends.
    pub(crate) async fn hold(&mut self, subject: &[u8], now: DateTime<Utc>) -> Result<Counter, Error> {
        // The insert takes the row's lock on both databases, also when it changes nothing.
        const SQL: &str = "INSERT INTO throttle (subject, updated_at) VALUES ($1, $2) \
                           ON CONFLICT (subject) DO UPDATE SET failures = throttle.failures \
                           RETURNING failures, wrong_codes, blocked_until, updated_at";
        Ok(within!(self.0, c => sqlx::query_as(SQL).with(subject).with(now).fetch_one(c).await)?)
    }

    pub(crate) async fn set(&mut self, subject: &[u8], counter: Counter) -> Result<(), Error> {
        const SQL: &str = "UPDATE throttle SET failures = $2, wrong_codes = $3, blocked_until = $4, updated_at = $5 \
                           WHERE subject = $1";
        within!(self.0, c => sqlx::query(SQL)
            .with(subject).with(counter.failures).with(counter.wrong_codes).with(counter.blocked_until)
            .with(counter.updated_at).execute(c).await.map(drop))?;
        Ok(())
    }
}
