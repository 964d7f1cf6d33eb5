//! Sessions and their sealed notes.

use super::authority::{Claimed, SessionMark, session_mark};
use super::{on, table, within};
use crate::Error;
use crate::store::text::{With, kept};
use chrono::{DateTime, Utc};
use domain::base::id::{SessionId, UserId};
use uuid::Uuid;

/// A session with the administrator it belongs to.
#[derive(sqlx_macros::FromRow)]
pub struct SessionRow {
    pub id: Uuid,
    pub stage: String,
    pub user_id: Option<Uuid>,
    pub security_epoch: i64,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub address: String,
    pub agent: String,
    /// A status message waits for the next page.
    pub has_message: bool,
    /// When the notes with secrets that wait to be saved expire.
    pub codes_until: Option<DateTime<Utc>>,
    pub key_until: Option<DateTime<Utc>>,
}

/// A sealed note with its revision, which is bound into its seal.
#[derive(sqlx_macros::FromRow)]
pub struct NoteRow {
    pub sealed: Vec<u8>,
    pub revision: i64,
}

/// A session to be stored.
pub struct NewSessionRow<'a> {
    pub id: SessionId,
    pub token_hash: &'a [u8],
    pub stage: &'static str,
    pub user: Option<UserId>,
    pub security_epoch: i64,
    pub now: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub address: &'a str,
    pub agent: &'a str,
}

#[derive(sqlx_macros::FromRow)]
struct Record {
    #[sqlx(flatten)]
    row: SessionRow,
    #[sqlx(flatten)]
    mark: SessionMark,
}

impl From<Record> for Claimed<SessionRow> {
    fn from(Record { row, mark }: Record) -> Self {
        Self::new(row, mark.claim())
    }
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            session_mark!(),
            ", s.id, s.stage, s.user_id, s.security_epoch, s.created_at, s.seen_at, s.expires_at, ",
            "s.address, s.agent, ",
            "EXISTS (SELECT 1 FROM session_note n WHERE n.session_id = s.id AND n.kind = 'flash') AS has_message, ",
            "(SELECT n.expires_at FROM session_note n WHERE n.session_id = s.id AND n.kind = 'recovery codes') AS codes_until, ",
            "(SELECT n.expires_at FROM session_note n WHERE n.session_id = s.id AND n.kind = 'new api key') AS key_until ",
            "FROM session s WHERE ",
            $rest
        )
    };
}

table!(sessions: Read, Write);

impl Read<'_> {
    pub(crate) async fn get(&self, token_hash: &[u8]) -> Result<Option<Claimed<SessionRow>>, Error> {
        const SQL: &str = select_session!("s.token_hash = $1");
        let record: Option<Record> =
            on!(self.0, pool => sqlx::query_as(SQL).with(token_hash).fetch_optional(pool).await)?;
        Ok(record.map(Claimed::from))
    }

    /// Returns the live signed-in sessions of an administrator with this security epoch, the last used first.
    pub(crate) async fn of(
        &self,
        user: UserId,
        security_epoch: i64,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<Vec<Claimed<SessionRow>>, Error> {
        const SQL: &str = select_session!(
            "s.user_id = $1 AND s.stage = 'full' AND s.expires_at > $2 AND s.seen_at > $3 \
             AND s.security_epoch = $4 ORDER BY s.seen_at DESC, s.id LIMIT 100"
        );
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL).with(user.0).with(now).with(idle_since)
            .with(security_epoch).fetch_all(pool).await)?;
        Ok(records.into_iter().map(Claimed::from).collect())
    }

    pub(crate) async fn note(
        &self,
        session: SessionId,
        kind: &'static str,
        now: DateTime<Utc>,
    ) -> Result<Option<NoteRow>, Error> {
        // Revisions begin at 1, so a note whose revision is missing is read with 0 and does not open.
        const SQL: &str = "SELECT n.sealed, COALESCE(r.revision, 0) AS revision FROM session_note n \
                           LEFT JOIN sealed_revision r ON r.row_id = n.session_id AND r.column_name = n.kind \
                           WHERE n.session_id = $1 AND n.kind = $2 AND n.expires_at > $3";
        Ok(
            on!(self.0, pool => sqlx::query_as(SQL).with(session.0).with(kind).with(now).fetch_optional(pool).await)?,
        )
    }
}

impl Write<'_> {
    pub(crate) async fn insert(&mut self, row: NewSessionRow<'_>) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO session (id, token_hash, stage, user_id, security_epoch, created_at, seen_at, \
                           expires_at, address, agent) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)";
        within!(self.0, c => sqlx::query(SQL)
            .with(row.id.0).with(row.token_hash).with(row.stage).with(row.user.map(|id| id.0))
            .with(row.security_epoch).with(row.now).with(row.expires_at).with(kept(row.address)).with(kept(row.agent))
            .execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn touch(
        &mut self,
        id: SessionId,
        now: DateTime<Utc>,
        address: &str,
    ) -> Result<(), Error> {
        // Another server may have written a later time, which must stay.
        const SQL: &str = "UPDATE session SET seen_at = $2, address = $3 WHERE id = $1 AND seen_at < $2";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(now).with(kept(address)).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn delete(&mut self, id: SessionId) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM session WHERE id = $1 RETURNING id";
        let ended: Vec<Uuid> = within!(self.0, c => sqlx::query_scalar(SQL).with(id.0).fetch_all(c).await)?;
        // Notes and prepared changes go with the session by foreign key. The revisions refer to no table, so they do not.
        self.forget_revisions(&ended).await?;
        Ok(!ended.is_empty())
    }

    /// Ends every session of an administrator except `but`; with `only`, ends that one session alone.
    pub(crate) async fn delete_others(
        &mut self,
        user: UserId,
        but: SessionId,
        only: Option<SessionId>,
    ) -> Result<u64, Error> {
        const ALL: &str = "DELETE FROM session WHERE user_id = $1 AND id <> $2 RETURNING id";
        const ONE: &str = "DELETE FROM session WHERE user_id = $1 AND id <> $2 AND id = $3 RETURNING id";
        let ended: Result<Vec<Uuid>, _> = match only {
            None => within!(self.0, c => sqlx::query_scalar(ALL).with(user.0).with(but.0).fetch_all(c).await),
            Some(only) => within!(self.0, c => sqlx::query_scalar(ONE).with(user.0).with(but.0).with(only.0)
                .fetch_all(c).await),
        };
        let ended = ended?;
        self.forget_revisions(&ended).await?;
        Ok(ended.len() as u64)
    }

    /// Ends every session that began or was used after `limit`.
    pub(crate) async fn end_after(&mut self, limit: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM session WHERE created_at > $1 OR seen_at > $1 RETURNING id";
        let ended: Vec<Uuid> = within!(self.0, c => sqlx::query_scalar(SQL).with(limit).fetch_all(c).await)?;
        self.forget_revisions(&ended).await
    }

    /// Deletes the revisions of ended sessions, their notes and their changes. No other revision is ever deleted, because a
    /// value does not open without its revision.
    async fn forget_revisions(&mut self, ended: &[Uuid]) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM sealed_revision WHERE row_id = $1";
        for session in ended {
            within!(self.0, c => sqlx::query(SQL).with(session).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Deletes sessions that are over and expired notes; also changes and setup tokens that expired before `tried_before`,
    /// and failure counters without wrong codes that nobody has touched since then.
    pub(crate) async fn sweep(
        &mut self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
        tried_before: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SESSIONS: &str = "DELETE FROM session WHERE expires_at <= $1 OR seen_at <= $2 RETURNING id";
        const NOTES: &str = "DELETE FROM session_note WHERE expires_at <= $1";
        const CHANGES: &str = "DELETE FROM prepared_change WHERE expires_at <= $1";
        // An expired token stays for a day, so that the page can tell it from a wrong one.
        const TOKENS: &str = "DELETE FROM setup_token WHERE expires_at <= $1";
        // Wrong codes never expire: a person who waits a day would otherwise get twenty more.
        const THROTTLE: &str = "DELETE FROM throttle WHERE updated_at <= $1 AND wrong_codes = 0";
        let over: Vec<Uuid> =
            within!(self.0, c => sqlx::query_scalar(SESSIONS).with(now).with(idle_since).fetch_all(c).await)?;
        self.forget_revisions(&over).await?;
        within!(self.0, c => sqlx::query(NOTES).with(now).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(CHANGES).with(tried_before).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(TOKENS).with(tried_before).execute(c).await.map(drop))?;
        within!(self.0, c => sqlx::query(THROTTLE).with(tried_before).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn put_note(
        &mut self,
        session: SessionId,
        kind: &'static str,
        sealed: &[u8],
        expires_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO session_note (session_id, kind, sealed, expires_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (session_id, kind) DO UPDATE SET sealed = $3, expires_at = $4";
        within!(self.0, c => sqlx::query(SQL).with(session.0).with(kind).with(sealed).with(expires_at).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn delete_note(&mut self, session: SessionId, kind: &'static str) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM session_note WHERE session_id = $1 AND kind = $2";
        within!(self.0, c => sqlx::query(SQL).with(session.0).with(kind).execute(c).await.map(drop))?;
        Ok(())
    }
}
