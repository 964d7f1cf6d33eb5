//! The journal of the data plane: one row for each segment of each run.

use super::{on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A segment without its body.
#[derive(Clone, sqlx_macros::FromRow)]
pub struct Segment {
    pub server: Uuid,
    pub first_sequence: i64,
    pub last_sequence: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub plain_bytes: i64,
    pub stored_bytes: i64,
    pub mac_before: Vec<u8>,
    pub mac_after: Vec<u8>,
    pub seal: Vec<u8>,
}

/// One run of one server.
#[derive(sqlx_macros::FromRow)]
pub struct Run {
    pub id: Uuid,
    pub last_sequence: Option<i64>,
    pub removed_through: i64,
}

/// The position after which a walk through segments continues: time, server, sequence.
pub type Mark = (DateTime<Utc>, Uuid, i64);

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT server, first_sequence, last_sequence, first_at, last_at, plain_bytes, stored_bytes, ",
            "mac_before, mac_after, seal FROM journal_segment ",
            $rest
        )
    };
}

const ONE: &str = columns!("WHERE server = $1 AND first_sequence = $2");

table!(journal: Read, Write);

impl Read<'_> {
    /// Returns segments that may hold events of `from <= at < to`, those with the newest last event first.
    pub(crate) async fn newest_segments(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        mark: Option<Mark>,
        count: u32,
    ) -> Result<Vec<Segment>, Error> {
        const SQL: &str = columns!(
            "WHERE last_at >= $1 AND first_at < $2 AND (last_at, server, first_sequence) < ($3, $4, $5) \
             ORDER BY last_at DESC, server DESC, first_sequence DESC LIMIT $6"
        );
        let (at, server, sequence) = mark.unwrap_or((end_of_time(), Uuid::max(), i64::MAX));
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(from).with(to).with(at).with(server).with(sequence)
            .with(i64::from(count)).fetch_all(pool).await)?)
    }

    /// Returns segments that may hold events of `from <= at < to`, those with the oldest first event first.
    pub(crate) async fn oldest_segments(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        mark: Option<Mark>,
        count: u32,
    ) -> Result<Vec<Segment>, Error> {
        const SQL: &str = columns!(
            "WHERE last_at >= $1 AND first_at < $2 AND (first_at, server, first_sequence) > ($3, $4, $5) \
             ORDER BY first_at, server, first_sequence LIMIT $6"
        );
        let (at, server, sequence) = mark.unwrap_or((begin_of_time(), Uuid::nil(), 0));
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(from).with(to).with(at).with(server).with(sequence)
            .with(i64::from(count)).fetch_all(pool).await)?)
    }

    pub(crate) async fn segment(&self, server: Uuid, first_sequence: i64) -> Result<Option<Segment>, Error> {
        Ok(
            on!(self.0, pool => sqlx::query_as(ONE).with(server).with(first_sequence).fetch_optional(pool).await)?,
        )
    }

    /// Returns the compressed body of a segment.
    pub(crate) async fn segment_body(
        &self,
        server: Uuid,
        first_sequence: i64,
    ) -> Result<Option<Vec<u8>>, Error> {
        const SQL: &str = "SELECT body FROM journal_segment WHERE server = $1 AND first_sequence = $2";
        Ok(
            on!(self.0, pool => sqlx::query_scalar(SQL).with(server).with(first_sequence).fetch_optional(pool).await)?,
        )
    }

    pub(crate) async fn runs(&self) -> Result<Vec<Run>, Error> {
        const SQL: &str =
            "SELECT id, last_sequence, removed_through FROM journal_run ORDER BY started_at, id";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?)
    }

    /// Returns the segments of a run in the order of their events.
    pub(crate) async fn segments_of(&self, run: Uuid) -> Result<Vec<Segment>, Error> {
        const SQL: &str = columns!("WHERE server = $1 ORDER BY first_sequence");
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(run).fetch_all(pool).await)?)
    }

    /// Returns the time up to which segments expire: of the `count` oldest, those that end before `cutoff`, or that must go so
    /// that the sum stays within `bytes`.
    pub(crate) async fn expired_until(
        &self,
        cutoff: Option<DateTime<Utc>>,
        bytes: Option<i64>,
        count: u32,
    ) -> Result<Option<DateTime<Utc>>, Error> {
        // PostgreSQL's sum of BIGINT is NUMERIC.
        const SUM: &str = "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT) FROM journal_segment";
        const OLDEST: &str = "SELECT last_at, stored_bytes FROM journal_segment ORDER BY last_at LIMIT $1";
        let sum: i64 = on!(self.0, pool => sqlx::query_scalar(SUM).fetch_one(pool).await)?;
        let mut excess = bytes.map_or(0, |bytes| sum - bytes);
        let oldest: Vec<(DateTime<Utc>, i64)> =
            on!(self.0, pool => sqlx::query_as(OLDEST).with(i64::from(count)).fetch_all(pool).await)?;
        let mut until = None;
        for (last_at, size) in oldest {
            if excess <= 0 && cutoff.is_none_or(|cutoff| last_at >= cutoff) {
                break;
            }
            excess -= size;
            until = Some(last_at);
        }
        Ok(until)
    }
}

impl Write<'_> {
    /// Records a run. A run that is recorded already does not change.
    pub(crate) async fn insert_run(&mut self, id: Uuid, started_at: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str =
            "INSERT INTO journal_run (id, started_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        within!(self.0, c => sqlx::query(SQL).with(id).with(started_at).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn end_run(
        &mut self,
        id: Uuid,
        last_sequence: i64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str =
            "UPDATE journal_run SET ended_at = $2, last_sequence = $3 WHERE id = $1 AND ended_at IS NULL";
        within!(self.0, c => sqlx::query(SQL).with(id).with(now).with(last_sequence).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn segment(
        &mut self,
        server: Uuid,
        first_sequence: i64,
    ) -> Result<Option<Segment>, Error> {
        Ok(
            within!(self.0, c => sqlx::query_as(ONE).with(server).with(first_sequence).fetch_optional(c).await)?,
        )
    }

    pub(crate) async fn insert_segment(&mut self, segment: &Segment, body: &[u8]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO journal_segment (server, first_sequence, last_sequence, first_at, last_at, \
                           plain_bytes, stored_bytes, mac_before, mac_after, seal, body) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        within!(self.0, c => sqlx::query(SQL).with(segment.server).with(segment.first_sequence)
            .with(segment.last_sequence).with(segment.first_at).with(segment.last_at).with(segment.plain_bytes)
            .with(segment.stored_bytes).with(&segment.mac_before).with(&segment.mac_after).with(&segment.seal)
            .with(body).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Deletes the segments that end at `until` or before, and records in their runs up to which sequence.
    pub(crate) async fn remove_segments(&mut self, until: DateTime<Utc>) -> Result<u64, Error> {
        const REMEMBER: &str = "UPDATE journal_run SET removed_through = (SELECT MAX(last_sequence) FROM journal_segment \
                                WHERE server = journal_run.id AND last_at <= $1) \
                                WHERE id IN (SELECT server FROM journal_segment WHERE last_at <= $1)";
        const REMOVE: &str = "DELETE FROM journal_segment WHERE last_at <= $1";
        // Before the deletion, because the number comes from the rows that are deleted.
        within!(self.0, c => sqlx::query(REMEMBER).with(until).execute(c).await.map(drop))?;
        Ok(
            within!(self.0, c => sqlx::query(REMOVE).with(until).execute(c).await.map(|done| done.rows_affected()))?,
        )
    }
}

pub fn begin_of_time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// Returns the last time that both databases can store and SQLite can compare as text.
pub fn end_of_time() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::UNIX_EPOCH)
}
