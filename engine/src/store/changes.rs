//! Prepared changes that wait for their code.

use super::{on, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};
use domain::base::id::{ChangeId, SessionId, UserId};

/// A prepared change; the command is sealed.
#[derive(sqlx_macros::FromRow)]
pub struct PreparedRow {
    pub kind: String,
    pub sealed: Vec<u8>,
    pub expires_at: DateTime<Utc>,
}

/// The id of a prepared change, and the session and administrator that it is bound to.
#[derive(Clone, Copy)]
pub struct Binding {
    pub id: ChangeId,
    pub session: SessionId,
    pub user: UserId,
}

/// Restricts a statement to the change with this binding, if it is neither spent nor expired and the
/// administrator's security epoch has not ended its session.
macro_rules! waiting {
    ($begin:literal) => {
        concat!(
            $begin,
            " WHERE id = $1 AND session_id = $2 AND user_id = $3 AND expires_at > $4 ",
            "AND spent_at IS NULL AND EXISTS (SELECT 1 FROM session s JOIN administrator a ON a.id = s.user_id ",
            "WHERE s.id = $2 AND a.id = $3 AND s.security_epoch = a.security_epoch)"
        )
    };
}

table!(changes: Read, Write);

impl Read<'_> {
    /// Returns the change, if it belongs to this session and is neither spent nor expired.
    pub(crate) async fn prepared(
        &self,
        bound: Binding,
        now: DateTime<Utc>,
    ) -> Result<Option<PreparedRow>, Error> {
        const SQL: &str = waiting!("SELECT kind, sealed, expires_at FROM prepared_change");
        Ok(on!(self.0, pool => sqlx::query_as(SQL)
            .with(bound.id.0).with(bound.session.0).with(bound.user.0).with(now)
            .fetch_optional(pool).await)?)
    }
}

impl Write<'_> {
    /// Deletes an administrator's waiting changes, except the latest `count`.
    pub(crate) async fn keep_latest(&mut self, user: UserId, count: i64) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM prepared_change WHERE user_id = $1 AND spent_at IS NULL AND id NOT IN \
                           (SELECT id FROM prepared_change WHERE user_id = $1 AND spent_at IS NULL \
                           ORDER BY created_at DESC, id LIMIT $2)";
        within!(self.0, c => sqlx::query(SQL).with(user.0).with(count).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn insert(
        &mut self,
        bound: Binding,
        kind: &'static str,
        sealed: &[u8],
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO prepared_change (id, session_id, user_id, kind, sealed, created_at, expires_at) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
        within!(self.0, c => sqlx::query(SQL)
            .with(bound.id.0).with(bound.session.0).with(bound.user.0).with(kind).with(sealed)
            .with(now).with(expires_at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Spends the change. Returns true to the first caller, and false to every later one.
    pub(crate) async fn spend(&mut self, bound: Binding, now: DateTime<Utc>) -> Result<bool, Error> {
        const SQL: &str = waiting!("UPDATE prepared_change SET spent_at = $4");
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(bound.id.0).with(bound.session.0).with(bound.user.0).with(now)
            .execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
