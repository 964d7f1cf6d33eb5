//! The key material that each server holds, for people to see.

use super::{ROWS, on, table, within};
use crate::Error;
use crate::store::text::{With, kept};
use chrono::{DateTime, Utc};
use domain::base::id::ScopeId;
use domain::custody::preflight::FailureCode;
use domain::custody::view::{HeldView, LeaseView, ServerLease};
use domain::keys::version_ref::LeaseKey;
use sqlx::QueryBuilder;
use uuid::Uuid;

/// A run of a server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub id: Uuid,
    /// The name of its host.
    pub name: String,
    pub started_at: DateTime<Utc>,
}

#[derive(sqlx_macros::FromRow)]
struct Record {
    name: String,
    started_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    released_at: Option<DateTime<Utc>>,
    refresh_at: Option<DateTime<Utc>>,
    hold_until: Option<DateTime<Utc>>,
    code: Option<String>,
}

impl From<Record> for ServerLease {
    fn from(record: Record) -> Self {
        let held = match (record.released_at, record.refresh_at, record.hold_until) {
            (Some(released_at), Some(refresh_at), Some(hold_until)) => {
                Some(HeldView { released_at, refresh_at, hold_until })
            }
            _ => None,
        };
        let lease = LeaseView { held, trouble: record.code.as_deref().map(FailureCode::stored) };
        Self { server: record.name, started_at: record.started_at, seen_at: record.seen_at, lease }
    }
}

table!(leases: Read, Write);

impl Read<'_> {
    /// Returns what the servers other than `own` hold of a version.
    pub(crate) async fn elsewhere(&self, key: LeaseKey, own: Uuid) -> Result<Vec<ServerLease>, Error> {
        const SQL: &str = "SELECT s.name, s.started_at, s.seen_at, l.released_at, l.refresh_at, l.hold_until, l.code \
                           FROM server_lease l JOIN server s ON s.id = l.server_id \
                           WHERE l.scope_id = $1 AND l.number = $2 AND s.id <> $3 ORDER BY s.name, s.started_at, s.id";
        let records: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(key.scope.0).with(i64::from(key.number)).with(own).fetch_all(pool).await)?;
        Ok(records.into_iter().map(ServerLease::from).collect())
    }
}

impl Write<'_> {
    /// Says that a server is there.
    pub(crate) async fn seen(&mut self, server: &Server, at: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO server (id, name, started_at, seen_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
        within!(self.0, c => sqlx::query(SQL).with(server.id).with(kept(&server.name))
            .with(server.started_at).with(at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Records what a server holds of some versions.
    pub(crate) async fn put(&mut self, server: Uuid, held: &[(LeaseKey, LeaseView)]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO server_lease (server_id, scope_id, number, released_at, refresh_at, hold_until, code) ";
        const UPDATE: &str = " ON CONFLICT (server_id, scope_id, number) DO UPDATE SET released_at = excluded.released_at, \
                              refresh_at = excluded.refresh_at, hold_until = excluded.hold_until, code = excluded.code";
        for some in held.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new(SQL);
                query.push_values(some, |mut values, (key, lease)| {
                    let held = lease.held.as_ref();
                    values
                        .with(server).with(key.scope.0).with(i64::from(key.number))
                        .with(held.map(|held| held.released_at)).with(held.map(|held| held.refresh_at))
                        .with(held.map(|held| held.hold_until))
                        .with(lease.trouble.as_ref().map(|code| kept(code.as_str())));
                });
                query.push(UPDATE).build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Deletes what a server no longer holds.
    pub(crate) async fn forget(&mut self, server: Uuid, gone: &[LeaseKey]) -> Result<(), Error> {
        for some in gone.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new("DELETE FROM server_lease WHERE server_id = ");
                (&mut query).with(server).push(" AND (scope_id, number) IN (");
                query.push_values(some, |mut values, key| {
                    values.with(key.scope.0).with(i64::from(key.number));
                });
                query.push(")").build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Deletes a server, with what it held.
    pub(crate) async fn leave(&mut self, server: Uuid) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM server WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(server).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Deletes the servers that have not been heard of since `before`.
    pub(crate) async fn forget_servers(&mut self, before: DateTime<Utc>) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM server WHERE seen_at < $1";
        within!(self.0, c => sqlx::query(SQL).with(before).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Leaves out the scopes that are gone: a lease may outlive its country by a moment.
    pub(crate) async fn existing(&mut self, of: &[ScopeId]) -> Result<Vec<ScopeId>, Error> {
        let mut found = Vec::new();
        for some in of.chunks(ROWS) {
            let ids: Vec<Uuid> = within!(self.0, c => {
                let mut query = QueryBuilder::new("SELECT id FROM scope WHERE id IN ");
                query.push_tuples(some, |mut values, id| {
                    values.with(id.0);
                });
                query.build_query_scalar().fetch_all(c).await
            })?;
            found.extend(ids.into_iter().map(ScopeId));
        }
        Ok(found)
    }
}
