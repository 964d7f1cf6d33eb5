//! API keys and what they reach.

use super::authority::{ApiKeyMark, Claimed, GrantMark, api_key_mark, revision_id};
use super::{corrupt, on, readable, table, within};
use crate::Error;
use crate::base::error::ChangesError;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use domain::base::id::{EnvironmentId, ScopeId};
use domain::data::operation::Operation;
use domain::scopes::scope::{Country, Slug};
use domain::services::api_key::{ApiKeyId, Grant, Reach, from_words, words};
use domain::services::command::CreateApiKey;
use uuid::Uuid;

/// One row for each grant; a key without any grant left has one row without a scope.
#[derive(sqlx_macros::FromRow)]
struct Record {
    id: Vec<u8>,
    name: String,
    hash: Vec<u8>,
    operations: String,
    created_at: DateTime<Utc>,
    created_by: String,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    slug: Option<String>,
    country: Option<String>,
    environment_id: Option<Uuid>,
    scope_id: Option<Uuid>,
    #[sqlx(flatten)]
    mark: ApiKeyMark,
}

/// A stored API key.
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub hash: Vec<u8>,
    pub operations: Vec<Operation>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    /// What it reaches, by the names that the database gives now. The data plane takes them from rows that verify.
    pub reach: Vec<Reach>,
    pub grants: Vec<GrantMark>,
}

impl Record {
    fn column(&self, name: &'static str) -> Error {
        corrupt("api_key", name, data_encoding::HEXLOWER.encode(&self.id))
    }

    fn id(&self) -> Result<ApiKeyId, Error> {
        self.id.as_slice().try_into().map(ApiKeyId).map_err(|_| self.column("id"))
    }

    /// Returns nothing for a name that cannot be read: one damaged row must not hide every key.
    fn reach(&self) -> Option<Reach> {
        let country = self.country.as_deref().map(Country::from_code).transpose().ok()?;
        Some(Reach { environment: Slug::try_from(self.slug.clone()?).ok()?, country })
    }
}

/// Combines the rows of each key. The rows of one key are adjacent.
fn gather(records: Vec<Record>) -> Result<Vec<Claimed<ApiKey>>, Error> {
    let mut keys: Vec<(ApiKey, ApiKeyMark)> = Vec::new();
    for record in records {
        let (id, reach) = (record.id()?, record.reach());
        let scope_id = record.scope_id;
        let grant = record.environment_id.map(|environment_id| GrantMark { environment_id, scope_id });
        match keys.last_mut().filter(|(last, _)| last.id == id) {
            Some((last, _)) => {
                last.reach.extend(reach);
                last.grants.extend(grant);
            }
            None => {
                let key = ApiKey {
                    id,
                    // A key with an unknown operation does not verify, unless a later release has made it.
                    operations: from_words(&record.operations).unwrap_or_default(),
                    name: record.name,
                    hash: record.hash,
                    created_at: record.created_at,
                    created_by: record.created_by,
                    expires_at: record.expires_at,
                    revoked_at: record.revoked_at,
                    last_used_at: record.last_used_at,
                    reach: reach.into_iter().collect(),
                    grants: grant.into_iter().collect(),
                };
                keys.push((key, record.mark));
            }
        }
    }
    let claimed = keys.into_iter().map(|(key, mark)| {
        let claim = mark.claim(key.grants.clone());
        Claimed::new(key, claim)
    });
    Ok(claimed.collect())
}

macro_rules! select_keys {
    ($which:literal) => {
        concat!(
            "SELECT k.id, k.name, k.hash, k.operations, k.created_at, k.created_by, k.expires_at, k.revoked_at, \
             k.last_used_at, e.slug, s.country, g.environment_id, g.scope_id, ",
            api_key_mark!(),
            " FROM (SELECT * FROM api_key ",
            $which,
            ") k LEFT JOIN api_key_grant g ON g.api_key_id = k.id \
             LEFT JOIN environment e ON e.id = g.environment_id AND e.removed_at IS NULL \
             LEFT JOIN scope s ON s.id = g.scope_id \
             ORDER BY k.created_at DESC, k.id DESC, e.slug, s.country"
        )
    };
}

macro_rules! granted {
    ($of:literal) => {
        concat!(
            "SELECT DISTINCT k.name FROM api_key k JOIN api_key_grant g ON g.api_key_id = k.id WHERE ",
            $of,
            " AND k.revoked_at IS NULL AND k.expires_at > $2 ORDER BY k.name LIMIT $3"
        )
    };
}

table!(api_keys: Read, Write);

impl Read<'_> {
    /// Returns keys made before `before` (or the newest), newest first.
    pub(crate) async fn list(
        &self,
        before: Option<ApiKeyId>,
        count: u32,
    ) -> Result<Vec<Claimed<ApiKey>>, Error> {
        const NEWEST: &str = select_keys!("ORDER BY created_at DESC, id DESC LIMIT $1");
        const OLDER: &str = select_keys!(
            "WHERE (created_at, id) < (SELECT b.created_at, b.id FROM api_key b WHERE b.id = $2) \
             ORDER BY created_at DESC, id DESC LIMIT $1"
        );
        let count = i64::from(count);
        gather(match &before {
            None => on!(self.0, pool => sqlx::query_as(NEWEST).with(count).fetch_all(pool).await)?,
            Some(before) => {
                on!(self.0, pool => sqlx::query_as(OLDER).with(count).with(&before.0[..]).fetch_all(pool).await)?
            }
        })
    }

    pub(crate) async fn get(&self, id: ApiKeyId) -> Result<Claimed<ApiKey>, Error> {
        const SQL: &str = select_keys!("WHERE id = $1");
        let records = on!(self.0, pool => sqlx::query_as(SQL).with(&id.0[..]).fetch_all(pool).await)?;
        gather(records)?.pop().ok_or(Error::NotFound)
    }

    /// Returns every key that has not expired, the revoked ones as well. A row that cannot be read is an error in the list.
    pub(crate) async fn unexpired(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Claimed<ApiKey>, Error>>, Error> {
        const SQL: &str = select_keys!("WHERE expires_at > $1");
        let mut read = Vec::new();
        let mut good = Vec::new();
        for record in readable!(self.0, Record, "api_key", sqlx::query(SQL).with(now)) {
            match record {
                Ok(record) => good.push(record),
                Err(error) => read.push(Err(error)),
            }
        }
        read.extend(gather(good)?.into_iter().map(Ok));
        Ok(read)
    }

    /// Returns the names of the working keys that reach an environment and another one, before the transaction that changes its kind.
    pub(crate) async fn reaching_more_than(
        &self,
        environment: EnvironmentId,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Error> {
        Ok(
            on!(self.0, pool => sqlx::query_scalar(REACHING_MORE).with(environment.0).with(now).fetch_all(pool).await)?,
        )
    }

    /// Returns the names of the working keys that were created for a country, or for an environment and countries of it. At most
    /// `most` names.
    pub(crate) async fn granted(
        &self,
        environment: EnvironmentId,
        scope: Option<ScopeId>,
        now: DateTime<Utc>,
        most: u32,
    ) -> Result<Vec<String>, Error> {
        const OF_ENVIRONMENT: &str = granted!("g.environment_id = $1");
        const OF_COUNTRY: &str = granted!("g.scope_id = $1");
        let (sql, id) = match scope {
            None => (OF_ENVIRONMENT, environment.0),
            Some(scope) => (OF_COUNTRY, scope.0),
        };
        Ok(
            on!(self.0, pool => sqlx::query_scalar(sql).with(id).with(now).with(i64::from(most)).fetch_all(pool).await)?,
        )
    }

    /// Counts the working keys of a name before the transaction that makes another. Only the count in that one is reliable.
    pub(crate) async fn count_live(&self, name: &str, now: DateTime<Utc>) -> Result<i64, Error> {
        Ok(
            on!(self.0, pool => sqlx::query_scalar(COUNT_LIVE).with(sought(name)).with(now).fetch_one(pool).await)?,
        )
    }
}

/// Counts the keys of a name that work.
const COUNT_LIVE: &str =
    "SELECT COUNT(*) FROM api_key WHERE name = $1 AND revoked_at IS NULL AND expires_at > $2";

/// The names of the keys that work, reach one environment and another one, at most three of them.
const REACHING_MORE: &str = "SELECT DISTINCT k.name FROM api_key k JOIN api_key_grant g ON g.api_key_id = k.id \
                             WHERE g.environment_id = $1 AND k.revoked_at IS NULL AND k.expires_at > $2 AND EXISTS \
                             (SELECT 1 FROM api_key_grant o JOIN environment e ON e.id = o.environment_id \
                             WHERE o.api_key_id = k.id AND e.id <> $1 AND e.removed_at IS NULL) ORDER BY k.name LIMIT 3";

impl Write<'_> {
    pub(crate) async fn reaching_more_than(
        &mut self,
        environment: EnvironmentId,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, Error> {
        Ok(
            within!(self.0, c => sqlx::query_scalar(REACHING_MORE).with(environment.0).with(now).fetch_all(c).await)?,
        )
    }

    /// Counts the kinds of the environments that a key reaches.
    pub(crate) async fn count_kinds(&mut self, id: ApiKeyId) -> Result<i64, Error> {
        const SQL: &str = "SELECT COUNT(DISTINCT e.kind) FROM api_key_grant g JOIN environment e ON e.id = g.environment_id \
                           WHERE g.api_key_id = $1";
        Ok(within!(self.0, c => sqlx::query_scalar(SQL).with(&id.0[..]).fetch_one(c).await)?)
    }

    pub(crate) async fn count_live(&mut self, name: &str, now: DateTime<Utc>) -> Result<i64, Error> {
        Ok(
            within!(self.0, c => sqlx::query_scalar(COUNT_LIVE).with(sought(name)).with(now).fetch_one(c).await)?,
        )
    }

    pub(crate) async fn insert(
        &mut self,
        id: ApiKeyId,
        hash: &[u8],
        key: &CreateApiKey,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO api_key (id, name, hash, operations, created_at, created_by, expires_at, \
                           revision_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        within!(self.0, c => sqlx::query(SQL)
            .with(&id.0[..]).with(kept(&key.name)).with(hash).with(kept(&words(&key.operations))).with(now).with(kept(by))
            .with(key.lifetime.end(now)).with(revision_id(id)).execute(c).await.map(drop))?;
        for grant in &key.grants {
            self.insert_grant(id, grant).await?;
        }
        Ok(())
    }

    /// Inserts a grant only while its environment or scope exists, because it may have been removed meanwhile.
    async fn insert_grant(&mut self, id: ApiKeyId, grant: &Grant) -> Result<(), Error> {
        const WHOLE: &str = "INSERT INTO api_key_grant (api_key_id, environment_id) \
                             SELECT $1, id FROM environment WHERE id = $2 AND removed_at IS NULL";
        const ONE: &str = "INSERT INTO api_key_grant (api_key_id, environment_id, scope_id) \
                           SELECT $1, environment_id, id FROM scope WHERE environment_id = $2 AND id = $3";
        let environment = grant.environment.0;
        let done = match grant.scope {
            None => {
                within!(self.0, c => sqlx::query(WHOLE).with(&id.0[..]).with(environment).execute(c).await.map(|r| r.rows_affected()))
            }
            Some(scope) => {
                within!(self.0, c => sqlx::query(ONE).with(&id.0[..]).with(environment).with(scope.0).execute(c).await.map(|r| r.rows_affected()))
            }
        };
        match done? {
            1 => Ok(()),
            _ => Err(Error::Changes(ChangesError::Outdated(format!(
                "{} was removed in the meantime.",
                grant.reach
            )))),
        }
    }

    /// Revokes a key; returns false when it was revoked before.
    pub(crate) async fn revoke(&mut self, id: ApiKeyId, at: DateTime<Utc>) -> Result<bool, Error> {
        const SQL: &str = "UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        let rows = within!(self.0, c => sqlx::query(SQL).with(&id.0[..]).with(at).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Records the last use, unless another server has recorded a later one. What lies after `ahead` is of a clock that was ahead.
    pub(crate) async fn was_used(
        &mut self,
        id: ApiKeyId,
        at: DateTime<Utc>,
        ahead: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2 \
                           OR last_used_at > $3)";
        within!(self.0, c => sqlx::query(SQL).with(&id.0[..]).with(at).with(ahead).execute(c).await.map(drop))?;
        Ok(())
    }
}
