//! Holders: the customers' keys that hold versions, a row beside each version.

use super::{corrupt, on, table, within};
use crate::Error;
use crate::base::error::CustodyError;
use crate::store::text::{With, kept};
use chrono::{DateTime, Utc};
use domain::base::id::{HolderId, ScopeId};
use domain::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region};
use domain::custody::command::{AwsCredentials, AwsKey};
use domain::custody::customer_key::CustomerKey;
use domain::custody::health::{Health, HealthState};
use domain::custody::preflight::{FailureCode, Report};
use domain::custody::vendor::Vendor;
use domain::keys::version_ref::{LeaseKey, VersionName};
use domain::scopes::scope::{Country, ScopeName, Slug};
use uuid::Uuid;

#[derive(sqlx_macros::FromRow)]
struct Record {
    id: Uuid,
    vendor: String,
    location: String,
    reference: String,
    wrapped_key: Vec<u8>,
    credential_id: String,
    secret: Vec<u8>,
    credentials_at: DateTime<Utc>,
    preflight: String,
    preflight_at: DateTime<Utc>,
    health: String,
    health_since: DateTime<Utc>,
    health_code: Option<String>,
    probed_at: DateTime<Utc>,
    refusals: i64,
    fingerprint: Option<Vec<u8>>,
    revision: i64,
    slug: String,
    country: String,
}

/// A customer's key that holds a version, as stored. The secret is still sealed.
pub struct StoredHolder {
    pub id: HolderId,
    pub key: CustomerKey,
    pub access_key_id: AccessKeyId,
    pub secret: Vec<u8>,
    pub revision: i64,
    pub credentials_at: DateTime<Utc>,
    pub preflight: Report,
    pub preflight_at: DateTime<Utc>,
    pub health: Health,
    /// Number of times that the KMS refused it, to any server.
    pub refusals: i64,
    /// Whether the keyed hash of the key is stored. Earlier releases stored none.
    pub has_fingerprint: bool,
    pub probed_at: DateTime<Utc>,
    /// `production/DE`.
    pub place: String,
}

/// Reads the health from its columns: the state, its time, and the code.
pub(super) fn health_of(word: &str, since: DateTime<Utc>, code: Option<&str>) -> Option<Health> {
    Some(Health { state: HealthState::from_word(word)?, since, code: code.map(FailureCode::stored) })
}

impl TryFrom<Record> for StoredHolder {
    type Error = Error;
    fn try_from(record: Record) -> Result<Self, Error> {
        let column = |name| corrupt("holder", name, record.id);
        let Vendor::Aws = Vendor::from_word(&record.vendor).ok_or_else(|| column("vendor"))?;
        let key = CustomerKey {
            region: Region::parse(&record.location).map_err(|_| column("location"))?,
            cmk: KeyArn::parse(&record.reference).map_err(|_| column("reference"))?,
            data_key: EncryptedDataKey::from_bytes(record.wrapped_key).map_err(|_| column("wrapped_key"))?,
        };
        let health = health_of(&record.health, record.health_since, record.health_code.as_deref());
        Ok(Self {
            id: HolderId(record.id),
            key,
            access_key_id: AccessKeyId::parse(&record.credential_id).map_err(|_| column("credential_id"))?,
            secret: record.secret,
            revision: record.revision,
            credentials_at: record.credentials_at,
            preflight: serde_json::from_str(&record.preflight).map_err(|_| column("preflight"))?,
            preflight_at: record.preflight_at,
            health: health.ok_or_else(|| column("health"))?,
            refusals: record.refusals,
            has_fingerprint: record.fingerprint.is_some(),
            probed_at: record.probed_at,
            place: format!("{}/{}", record.slug, record.country),
        })
    }
}

/// A version that has a certain key.
#[derive(sqlx_macros::FromRow)]
pub struct SameKey {
    scope_id: Uuid,
    number: i64,
    slug: String,
    country: String,
}

impl SameKey {
    pub fn key(&self) -> LeaseKey {
        lease_key(self.scope_id, self.number)
    }

    /// Returns the version's name; `None` for a scope that cannot be read.
    pub fn name(&self) -> Option<VersionName> {
        let environment = Slug::try_from(self.slug.clone()).ok()?;
        let country = Country::from_code(&self.country).ok()?;
        Some(VersionName { scope: ScopeName { environment, country }, number: self.key().number })
    }
}

/// The versions with an encrypted key, or with the key of a fingerprint under whatever encryption.
const SAME: &str = "SELECT k.scope_id, k.number, e.slug, s.country FROM holder h JOIN key_version k ON k.id = h.version_id \
                    JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                    WHERE h.wrapped_key = $1 OR h.fingerprint = $2 ORDER BY e.slug, s.country, k.number";

/// An Active version whose probe is due.
#[derive(sqlx_macros::FromRow)]
pub struct DueProbe {
    pub id: Uuid,
    scope_id: Uuid,
    number: i64,
    /// Whether the probe has been due for long.
    pub is_late: bool,
}

/// The columns that are known of a row that cannot be read.
#[derive(sqlx_macros::FromRow)]
pub struct Unreadable {
    pub health: String,
    /// `production/DE`.
    pub place: String,
}

/// A version that was refused, as the servers share it through the database.
#[derive(sqlx_macros::FromRow)]
pub struct RefusedKey {
    scope_id: Uuid,
    number: i64,
    pub refusals: i64,
    is_refused: bool,
    code: Option<String>,
}

fn lease_key(scope: Uuid, number: i64) -> LeaseKey {
    // Numbers begin at 1, so 0 finds no version.
    LeaseKey { scope: ScopeId(scope), number: u32::try_from(number).unwrap_or_default() }
}

impl DueProbe {
    pub fn key(&self) -> LeaseKey {
        lease_key(self.scope_id, self.number)
    }
}

impl RefusedKey {
    pub fn key(&self) -> LeaseKey {
        lease_key(self.scope_id, self.number)
    }

    /// Returns the reason, while the version is still refused.
    pub fn code(&self) -> Option<FailureCode> {
        self.code.as_deref().filter(|_| self.is_refused).map(FailureCode::stored)
    }
}

const HOLDER: &str = "SELECT h.id, h.vendor, h.location, h.reference, h.wrapped_key, h.credential_id, h.secret, h.credentials_at, \
                       h.preflight, h.preflight_at, h.health, h.health_since, h.health_code, h.probed_at, h.refusals, h.fingerprint, \
                       COALESCE(r.revision, 0) AS revision, \
                       e.slug, s.country FROM holder h JOIN key_version k ON k.id = h.version_id \
                       JOIN scope s ON s.id = k.scope_id JOIN environment e ON e.id = s.environment_id \
                       LEFT JOIN sealed_revision r ON r.row_id = h.id AND r.column_name = 'secret' \
                       WHERE k.scope_id = $1 AND k.number = $2";

table!(holders: Read, Write);

impl Read<'_> {
    /// # Errors
    /// [`CustodyError::NotHeld`] for a version of another type, or none.
    pub(crate) async fn get(&self, scope: ScopeId, number: u32) -> Result<StoredHolder, Error> {
        let record: Option<Record> = on!(self.0, pool => sqlx::query_as(HOLDER)
            .with(scope.0).with(i64::from(number)).fetch_optional(pool).await)?;
        record.ok_or(Error::Custody(CustodyError::NotHeld))?.try_into()
    }

    /// Returns the versions whose secret has lost its revision.
    pub(crate) async fn without_revision(&self) -> Result<Vec<LeaseKey>, Error> {
        const SQL: &str = "SELECT k.scope_id, k.number FROM holder h JOIN key_version k ON k.id = h.version_id \
                           WHERE NOT EXISTS (SELECT 1 FROM sealed_revision r WHERE r.row_id = h.id \
                           AND r.column_name = 'secret')";
        let found: Vec<(Uuid, i64)> = on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        Ok(found.into_iter().map(|(scope, number)| lease_key(scope, number)).collect())
    }

    /// Returns the versions with this encrypted key, or with the key of this fingerprint.
    pub(crate) async fn same(
        &self,
        wrapped: &[u8],
        fingerprint: Option<&[u8]>,
    ) -> Result<Vec<SameKey>, Error> {
        Ok(on!(self.0, pool => sqlx::query_as(SAME).with(wrapped).with(fingerprint).fetch_all(pool).await)?)
    }

    /// Checks whether any fingerprint is stored, which needs its term.
    pub(crate) async fn any_fingerprint(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM holder WHERE fingerprint IS NOT NULL";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Checks whether any secret is sealed under the credentials' term.
    pub(crate) async fn any(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM holder";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Returns Active versions that were last probed at `before` or earlier, the longest ago first; also those whose last probe
    /// lies after `ahead`, because a clock was ahead then.
    pub(crate) async fn due_probes(
        &self,
        before: DateTime<Utc>,
        late: DateTime<Utc>,
        ahead: DateTime<Utc>,
        count: u32,
    ) -> Result<Vec<DueProbe>, Error> {
        const SQL: &str = "SELECT h.id, k.scope_id, k.number, h.probed_at <= $3 AS is_late FROM holder h \
                           JOIN key_version k ON k.id = h.version_id \
                           WHERE (h.probed_at <= $1 OR h.probed_at > $4) AND k.status = 'active' \
                           ORDER BY h.probed_at, h.id LIMIT $2";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).with(before).with(i64::from(count)).with(late).with(ahead)
            .fetch_all(pool).await)?)
    }

    /// Returns every version that was ever refused.
    pub(crate) async fn refused(&self) -> Result<Vec<RefusedKey>, Error> {
        const SQL: &str = "SELECT k.scope_id, k.number, h.refusals, h.health IN ('refused', 'damaged') AS is_refused, \
                           h.health_code AS code FROM holder h JOIN key_version k ON k.id = h.version_id \
                           WHERE h.refusals > 0";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?)
    }
}

impl Write<'_> {
    /// Returns the versions with this encrypted key, or with the key of this fingerprint.
    pub(crate) async fn same(&mut self, wrapped: &[u8], fingerprint: &[u8]) -> Result<Vec<SameKey>, Error> {
        Ok(within!(self.0, c => sqlx::query_as(SAME).with(wrapped).with(fingerprint).fetch_all(c).await)?)
    }

    /// Stores the fingerprint of a key that an earlier release has registered.
    pub(crate) async fn set_fingerprint(&mut self, id: HolderId, fingerprint: &[u8]) -> Result<(), Error> {
        const SQL: &str = "UPDATE holder SET fingerprint = $2 WHERE id = $1 AND fingerprint IS NULL";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(fingerprint).execute(c).await.map(drop))?;
        Ok(())
    }

    pub(crate) async fn insert(
        &mut self,
        version: i64,
        key: &AwsKey,
        preflight: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // No key is stored whose pre-flight has failed, so its health begins as healthy.
        const SQL: &str = "INSERT INTO holder (id, version_id, vendor, location, reference, wrapped_key, credential_id, secret, \
                           credentials_at, preflight, preflight_at, health, health_since, probed_at, fingerprint) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, 'healthy', $9, $9, $11)";
        within!(self.0, c => sqlx::query(SQL)
            .with(key.id.0).with(version).with(Vendor::Aws.word()).with(kept(key.region.as_str())).with(kept(key.cmk.as_str())).with(key.data_key.bytes())
            .with(kept(key.credentials.access_key_id.as_str())).with(&key.credentials.sealed_secret).with(now)
            .with(kept(preflight)).with(&key.fingerprint).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Replaces the credentials and their pre-flight. The health is still that of the old credentials until the next probe.
    pub(crate) async fn set_credentials(
        &mut self,
        id: HolderId,
        to: &AwsCredentials,
        preflight: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE holder SET credential_id = $2, secret = $3, credentials_at = $4, preflight = $5, \
                           preflight_at = $4 WHERE id = $1";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(id.0).with(kept(to.access_key_id.as_str())).with(&to.sealed_secret).with(now).with(kept(preflight))
            .execute(c).await.map(|r| r.rows_affected()))?;
        if rows == 1 { Ok(()) } else { Err(Error::NotFound) }
    }

    pub(crate) async fn set_preflight(
        &mut self,
        id: HolderId,
        preflight: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE holder SET preflight = $2, preflight_at = $3 WHERE id = $1";
        within!(self.0, c => sqlx::query(SQL).with(id.0).with(kept(preflight)).with(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Claims a probe. Returns true to the one server that makes it.
    pub(crate) async fn claim_probe(
        &mut self,
        id: Uuid,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        ahead: DateTime<Utc>,
    ) -> Result<bool, Error> {
        const SQL: &str =
            "UPDATE holder SET probed_at = $3 WHERE id = $1 AND (probed_at <= $2 OR probed_at > $4)";
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(id).with(before).with(now).with(ahead).execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Marks a version whose row cannot be read as damaged, and returns its health from before.
    pub(crate) async fn set_unreadable(
        &mut self,
        key: LeaseKey,
        now: DateTime<Utc>,
    ) -> Result<Option<Unreadable>, Error> {
        const WAS: &str = "SELECT h.health, e.slug || '/' || s.country AS place FROM holder h \
                           JOIN key_version k ON k.id = h.version_id JOIN scope s ON s.id = k.scope_id \
                           JOIN environment e ON e.id = s.environment_id WHERE k.scope_id = $1 AND k.number = $2";
        const SQL: &str = "UPDATE holder SET health_since = CASE WHEN health = 'damaged' THEN health_since ELSE $3 END, \
                           health = 'damaged', health_code = $4, refusals = refusals + 1 WHERE version_id = \
                           (SELECT id FROM key_version WHERE scope_id = $1 AND number = $2)";
        let number = i64::from(key.number);
        let was: Option<Unreadable> = within!(self.0, c => sqlx::query_as(WAS)
            .with(key.scope.0).with(number).fetch_optional(c).await)?;
        within!(self.0, c => sqlx::query(SQL)
            .with(key.scope.0).with(number).with(now).with(FailureCode::SEALED.as_str())
            .execute(c).await.map(drop))?;
        Ok(was)
    }

    /// Stores the health that a call found, and counts it when it is a refusal. Returns false when the stored health is no
    /// longer `was`, or the credentials are no longer those of the call.
    pub(crate) async fn set_health(
        &mut self,
        asked_with: &StoredHolder,
        was: &Health,
        to: &Health,
    ) -> Result<bool, Error> {
        // The sealed secret differs after every replacement of the credentials.
        const SQL: &str = "UPDATE holder SET health = $2, health_since = $3, health_code = $4, refusals = refusals + $5 \
                           WHERE id = $1 AND health = $6 AND health_since = $7 AND secret = $8";
        let code = to.code.as_ref().map(FailureCode::as_str);
        let refusals = i64::from(to.state.is_refused());
        let rows = within!(self.0, c => sqlx::query(SQL)
            .with(asked_with.id.0).with(to.state.word()).with(to.since).with(code.map(kept)).with(refusals)
            .with(was.state.word()).with(was.since).with(&asked_with.secret)
            .execute(c).await.map(|r| r.rows_affected()))?;
        Ok(rows == 1)
    }
}
