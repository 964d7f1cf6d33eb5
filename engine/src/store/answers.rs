//! Answers to requests that carried a code, sealed for a short time.

use super::{on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};

/// An answer; `sealed` is missing while the request is at work.
#[derive(sqlx_macros::FromRow)]
pub struct AnswerRow {
    pub created_at: DateTime<Utc>,
    pub sealed: Option<Vec<u8>>,
}

table!(answers: Read, Write);

impl Read<'_> {
    pub(crate) async fn of(&self, request: &[u8]) -> Result<Option<AnswerRow>, Error> {
        const SQL: &str = "SELECT created_at, sealed FROM answer WHERE request = $1";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(request).fetch_optional(pool).await)?)
    }
}

impl Write<'_> {
    /// Deletes the answers from before a time, and those from after another.
    pub(crate) async fn sweep(&mut self, before: DateTime<Utc>, after: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM answer WHERE created_at <= $1 OR created_at > $2";
        within!(self.0, c => sqlx::query(SQL).with(before).with(after).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Notes that a request is at work. Returns false if it was noted before.
    pub(crate) async fn begin(&mut self, request: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
        const SQL: &str = "INSERT INTO answer (request, created_at) VALUES ($1, $2) ON CONFLICT (request) DO NOTHING \
                           RETURNING 1";
        let begun: Option<i32> =
            within!(self.0, c => sqlx::query_scalar(SQL).with(request).with(now).fetch_optional(c).await)?;
        Ok(begun.is_some())
    }

    pub(crate) async fn put(
        &mut self,
        request: &[u8],
        begun_at: DateTime<Utc>,
        sealed: &[u8],
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE answer SET sealed = $3 WHERE request = $1 AND created_at = $2";
        within!(self.0, c => sqlx::query(SQL).with(request).with(begun_at).with(sealed).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn forget(&mut self, request: &[u8], begun_at: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM answer WHERE request = $1 AND created_at = $2";
        within!(self.0, c => sqlx::query(SQL).with(request).with(begun_at).execute(c).await.map(drop))?;
        Ok(())
    }
}
