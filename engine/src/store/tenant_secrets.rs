//! Tenant secrets.

use super::authority::{Claimed, SecretMark, secret_mark};
use super::{corrupt, on, table, within};
use crate::Error;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use domain::base::id::ScopeId;
use domain::data::tenant_secret::SecretType;
use domain::data::view::TenantSecretsView;
use uuid::Uuid;

/// A sealed secret that clients still get: the current one, or the previous one during a rotation.
pub struct StoredSecret {
    /// Unique in the whole portal.
    pub id: u32,
    pub generation: u64,
    pub is_current: bool,
    pub sealed: Vec<u8>,
}

#[derive(sqlx_macros::FromRow)]
struct StoredRecord {
    id: i64,
    generation: i64,
    status: String,
    secret: Vec<u8>,
    #[sqlx(flatten)]
    mark: SecretMark,
}

/// A secret of any scope.
#[derive(sqlx_macros::FromRow)]
struct Record {
    scope_id: Uuid,
    secret_type: String,
    secret_path: String,
    #[sqlx(flatten)]
    stored: StoredRecord,
}

impl TryFrom<StoredRecord> for Claimed<StoredSecret> {
    type Error = Error;
    fn try_from(record: StoredRecord) -> Result<Self, Error> {
        let column = |name| corrupt("tenant_secret", name, record.id);
        let secret = StoredSecret {
            id: u32::try_from(record.id).map_err(|_| column("id"))?,
            generation: u64::try_from(record.generation).map_err(|_| column("generation"))?,
            is_current: record.status == "current",
            sealed: record.secret,
        };
        Ok(Self::new(secret, record.mark.claim()))
    }
}

/// A tenant secret to be stored.
pub struct NewSecretRow<'a> {
    pub id: i64,
    pub name: &'a SecretName,
    pub generation: i64,
    pub sealed: &'a [u8],
    pub created_at: DateTime<Utc>,
}

impl NewSecretRow<'_> {
    /// Returns what the row says once it is stored.
    pub fn mark(&self) -> SecretMark {
        SecretMark {
            t_id: self.id,
            t_scope_id: self.name.scope.0,
            t_secret_type: self.name.secret_type.word().to_owned(),
            t_secret_path: self.name.path.clone(),
            t_generation: self.generation,
            t_status: "current".to_owned(),
            t_created_at: self.created_at,
            t_mac: None,
            t_revision: 0,
        }
    }
}

/// The name of a tenant secret: its scope, type and path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName {
    pub scope: ScopeId,
    pub secret_type: SecretType,
    pub path: String,
}

/// Number of secrets that have a successor. It grows with each rotation that begins, and with nothing else.
const FOLLOWED: &str = "SELECT COUNT(*) FROM tenant_secret WHERE scope_id = $1 AND status <> 'current'";

table!(tenant_secrets: Read, Write);

impl Read<'_> {
    /// Returns the current secret, and the one before it while a rotation is under way.
    pub(crate) async fn of(&self, name: &SecretName) -> Result<Vec<Claimed<StoredSecret>>, Error> {
        const SQL: &str = concat!(
            "SELECT t.id, t.generation, t.status, t.secret, ",
            secret_mark!(),
            " FROM tenant_secret t WHERE t.scope_id = $1 AND t.secret_type = $2 AND t.secret_path = $3 \
             AND t.status <> 'retired' ORDER BY t.generation DESC"
        );
        let rows: Vec<StoredRecord> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(name.scope.0).with(name.secret_type.word()).with(sought(&name.path)).fetch_all(pool).await)?;
        rows.into_iter().map(Claimed::try_from).collect()
    }

    /// Returns secrets of every scope in the order of their ids, after `after`, the retired ones as well.
    pub(crate) async fn sealed(
        &self,
        after: u32,
        count: u32,
    ) -> Result<Vec<(SecretName, StoredSecret)>, Error> {
        const SQL: &str = concat!(
            "SELECT t.id, t.scope_id, t.secret_type, t.secret_path, t.generation, t.status, t.secret, ",
            secret_mark!(),
            " FROM tenant_secret t WHERE t.id > $1 ORDER BY t.id LIMIT $2"
        );
        let rows: Vec<Record> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(i64::from(after)).with(i64::from(count)).fetch_all(pool).await)?;
        let named = rows.into_iter().map(|row| {
            let column = || corrupt("tenant_secret", "secret_type", row.stored.id);
            let secret_type = SecretType::from_word(&row.secret_type).ok_or_else(column)?;
            let name = SecretName { scope: ScopeId(row.scope_id), secret_type, path: row.secret_path };
            Ok((name, Claimed::try_from(row.stored)?.unproved()))
        });
        named.collect()
    }

    /// Counts the secrets of a scope that are not retired, by type, and returns since when a rotation is under way.
    pub(crate) async fn count(&self, scope: ScopeId) -> Result<TenantSecretsView, Error> {
        const COUNTS: &str = "SELECT secret_type, status, COUNT(*) FROM tenant_secret \
                              WHERE scope_id = $1 AND status <> 'retired' GROUP BY secret_type, status \
                              ORDER BY secret_type";
        // Only secrets with a previous one count: a secret whose path is new since the rotation began has none.
        const SINCE: &str = "SELECT MIN(c.created_at) FROM tenant_secret c JOIN tenant_secret p \
                             ON p.scope_id = c.scope_id AND p.secret_type = c.secret_type \
                             AND p.secret_path = c.secret_path AND p.status = 'previous' \
                             WHERE c.scope_id = $1 AND c.status = 'current'";
        let rows: Vec<(String, String, i64)> =
            on!(self.0, pool => sqlx::query_as(COUNTS).with(scope.0).fetch_all(pool).await)?;
        let rotating_since: Option<DateTime<Utc>> =
            on!(self.0, pool => sqlx::query_scalar(SINCE).with(scope.0).fetch_one(pool).await)?;
        let followed: i64 =
            on!(self.0, pool => sqlx::query_scalar(FOLLOWED).with(scope.0).fetch_one(pool).await)?;
        let mut view = TenantSecretsView { rotating_since, followed, ..TenantSecretsView::default() };
        for (secret_type, status, count) in rows {
            let column = |name| corrupt("tenant_secret", name, scope);
            let count = u32::try_from(count).map_err(|_| column("count"))?;
            if status == "current" {
                let secret_type = SecretType::from_word(&secret_type).ok_or_else(|| column("secret_type"))?;
                view.current.push((secret_type, count));
            } else {
                view.previous += count;
            }
        }
        Ok(view)
    }

    /// Checks whether anything is sealed under the tenant secrets' term.
    pub(crate) async fn any(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM tenant_secret";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }
}

impl Write<'_> {
    /// Draws the id of a secret.
    pub(crate) async fn draw_id(&mut self) -> Result<i64, Error> {
        self.0.draw_ids(1).await?.first().copied().ok_or(Error::Busy)
    }

    /// Inserts the current secret; there must be none yet.
    pub(crate) async fn insert(&mut self, row: NewSecretRow<'_>, mac: &[u8]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO tenant_secret (id, scope_id, secret_type, secret_path, generation, status, secret, \
                           created_at, mac) VALUES ($7, $1, $2, $3, $4, 'current', $5, $6, $8)";
        let NewSecretRow { id, name, generation, sealed, created_at } = row;
        within!(self.0, c => sqlx::query(SQL)
            .with(name.scope.0).with(name.secret_type.word()).with(kept(&name.path)).with(generation).with(sealed)
            .with(created_at).with(id).with(mac).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Returns what the secrets of a scope with a status say.
    pub(crate) async fn marks(
        &mut self,
        scope: ScopeId,
        status: &'static str,
    ) -> Result<Vec<SecretMark>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            secret_mark!(),
            " FROM tenant_secret t WHERE t.scope_id = $1 AND t.status = $2"
        );
        Ok(within!(self.0, c => sqlx::query_as(SQL).with(scope.0).with(status).fetch_all(c).await)?)
    }

    /// Returns the current secrets of a scope, each with its generation.
    pub(crate) async fn current(&mut self, scope: ScopeId) -> Result<Vec<(SecretName, u64)>, Error> {
        const SQL: &str = "SELECT id, secret_type, secret_path, generation FROM tenant_secret \
                           WHERE scope_id = $1 AND status = 'current' ORDER BY secret_type, secret_path";
        let rows: Vec<(i64, String, String, i64)> =
            within!(self.0, c => sqlx::query_as(SQL).with(scope.0).fetch_all(c).await)?;
        let named = rows.into_iter().map(|(id, secret_type, path, generation)| {
            let column = |name| corrupt("tenant_secret", name, id);
            let secret_type = SecretType::from_word(&secret_type).ok_or_else(|| column("secret_type"))?;
            let generation = u64::try_from(generation).map_err(|_| column("generation"))?;
            Ok((SecretName { scope, secret_type, path }, generation))
        });
        named.collect()
    }

    /// Gives every secret of a scope that has the status `from` the status `to`; returns how many there were.
    pub(crate) async fn set_status(
        &mut self,
        scope: ScopeId,
        from: &'static str,
        to: &'static str,
    ) -> Result<usize, Error> {
        const SQL: &str = "UPDATE tenant_secret SET status = $3 WHERE scope_id = $1 AND status = $2";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(scope.0).with(from).with(to).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// Counts the secrets of a scope that have a successor.
    pub(crate) async fn followed(&mut self, scope: ScopeId) -> Result<i64, Error> {
        Ok(within!(self.0, c => sqlx::query_scalar(FOLLOWED).with(scope.0).fetch_one(c).await)?)
    }

    /// Checks whether there is a current secret.
    pub(crate) async fn has(&mut self, name: &SecretName) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM tenant_secret \
                           WHERE scope_id = $1 AND secret_type = $2 AND secret_path = $3 AND status = 'current'";
        let count: i64 = within!(self.0, c => sqlx::query_scalar(SQL)
            .with(name.scope.0).with(name.secret_type.word()).with(sought(&name.path)).fetch_one(c).await)?;
        Ok(count > 0)
    }

    pub(crate) async fn count(&mut self, scope: ScopeId, status: &'static str) -> Result<i64, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM tenant_secret WHERE scope_id = $1 AND status = $2";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).with(scope.0).with(status).fetch_one(c).await)?)
    }
}
