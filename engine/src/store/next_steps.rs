//! What exists of the steps after the first encryption key of the portal.

use super::{on, scope_name, table};
use crate::Error;
use crate::store::text::With;
use domain::base::id::ScopeId;
use domain::scopes::scope::ScopeName;
use uuid::Uuid;

/// Numbers of what each step makes. Those of API keys and uses are 0 or 1.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct Existing {
    pub api_keys: i64,
    pub uses: i64,
    pub administrators: i64,
    pub backups: i64,
}

table!(next_steps: Read);

impl Read<'_> {
    /// Returns the scope that has the oldest version.
    pub(crate) async fn first_scope(&self) -> Result<Option<(ScopeId, ScopeName)>, Error> {
        const SQL: &str = "SELECT s.id, e.slug, s.country FROM key_version v JOIN scope s ON s.id = v.scope_id \
                           JOIN environment e ON e.id = s.environment_id ORDER BY v.created_at, v.id LIMIT 1";
        let found: Option<(Uuid, String, String)> =
            on!(self.0, pool => sqlx::query_as(SQL).fetch_optional(pool).await)?;
        let read =
            |(id, slug, country): (Uuid, String, String)| Ok((ScopeId(id), scope_name(slug, &country, id)?));
        found.map(read).transpose()
    }

    /// Checks whether a scope has the oldest version. Of another scope, the database finds an older version of some scope soon.
    pub(crate) async fn is_first(&self, scope: ScopeId) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM scope WHERE id = $1 \
                           AND EXISTS (SELECT 1 FROM key_version WHERE scope_id = $1) AND NOT EXISTS \
                           (SELECT 1 FROM key_version WHERE created_at < \
                           (SELECT MIN(created_at) FROM key_version WHERE scope_id = $1))) found";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).with(scope.0).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Returns what exists or existed: a step that was done stays done, though an API key ends or an administrator is disabled later.
    pub(crate) async fn existing(&self, scope: ScopeId) -> Result<Existing, Error> {
        const SQL: &str = "SELECT \
            (SELECT COUNT(*) FROM (SELECT 1 FROM api_key_grant g JOIN api_key k ON k.id = g.api_key_id \
             JOIN scope s ON s.id = $1 WHERE (g.scope_id = s.id OR g.scope_id IS NULL AND g.environment_id = s.environment_id) \
             LIMIT 1) one_key) AS api_keys, \
            (SELECT COUNT(*) FROM (SELECT 1 FROM version_usage u JOIN key_version v ON v.id = u.version_id \
             WHERE v.scope_id = $1 LIMIT 1) one_use) AS uses, \
            (SELECT COUNT(*) FROM administrator) AS administrators, \
            (SELECT COUNT(*) FROM instance WHERE backup_at IS NOT NULL) AS backups";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(scope.0).fetch_one(pool).await)?)
    }
}
