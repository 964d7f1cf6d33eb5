//! Rows that give authority. Each carries a code (HMAC) over what it says, its place and its revision, so that nobody who can only
//! write the database gains anything. This room reads what a row says; the vault has the term of the keyring that proves it.

use super::scopes::ScopePlace;
use super::{Inner, ROWS, on, readable, table, within};
use crate::Error;
use crate::store::text::With;
use chrono::{DateTime, Utc};
use domain::base::id::{EnvironmentId, ScopeId, SessionId, UserId};
use domain::keys::limits::OwnLimits;
use domain::scopes::scope::{Country, EnvironmentKind, Slug};
use domain::services::api_key::ApiKeyId;
use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

/// A kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Administrator,
    RecoveryCode,
    Session,
    SetupToken,
    ApiKey,
    Environment,
    Scope,
    Version,
    TenantSecret,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Administrator,
        Self::RecoveryCode,
        Self::Session,
        Self::SetupToken,
        Self::ApiKey,
        Self::Environment,
        Self::Scope,
        Self::Version,
        Self::TenantSecret,
    ];

    pub fn table(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::RecoveryCode => "recovery_code",
            Self::Session => "session",
            Self::SetupToken => "setup_token",
            Self::ApiKey => "api_key",
            Self::Environment => "environment",
            Self::Scope => "scope",
            Self::Version => "key_version",
            Self::TenantSecret => "tenant_secret",
        }
    }

    /// Returns the name of several rows, in a sentence.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Administrator => "administrators",
            Self::RecoveryCode => "recovery codes",
            Self::Session => "sessions",
            Self::SetupToken => "setup tokens",
            Self::ApiKey => "API keys",
            Self::Environment => "environments",
            Self::Scope => "countries",
            Self::Version => "key versions",
            Self::TenantSecret => "tenant secrets",
        }
    }

    /// Checks whether rows of this kind end by being deleted. Such a row is proved only together with its revision, which ends with
    /// it, so that a row that was put back gives nothing.
    pub fn ends(self) -> bool {
        matches!(self, Self::Session | Self::RecoveryCode)
    }

    /// Checks whether a server remembers the revision of each row that it has proved. There are few rows of these kinds.
    pub fn is_remembered(self) -> bool {
        matches!(self, Self::Administrator | Self::ApiKey)
    }
}

/// What a row says, in a form that no two rows share: each part has its type and its length before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Said(Vec<u8>);

impl Said {
    fn of(kind: Kind) -> Self {
        Self(Vec::with_capacity(192)).text(kind.table())
    }

    fn part(mut self, tag: u8, bytes: &[u8]) -> Self {
        self.0.push(tag);
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.part(1, bytes)
    }

    fn text(self, text: &str) -> Self {
        self.part(2, text.as_bytes())
    }

    fn number(self, number: i64) -> Self {
        self.part(3, &number.to_be_bytes())
    }

    /// PostgreSQL keeps microseconds.
    fn time(self, at: DateTime<Utc>) -> Self {
        self.part(4, &at.timestamp_micros().to_be_bytes())
    }

    fn maybe<T>(self, value: Option<T>, say: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => say(self, value),
            None => self.part(0, &[]),
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The key of a row in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Uuid(Uuid),
    Bytes(Vec<u8>),
    Number(i64),
    /// A recovery code of a person.
    Code(Uuid, Vec<u8>),
}

/// The place of a row's revision in the table `sealed_revision`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevisionPlace {
    pub row: Uuid,
    pub column: String,
}

/// What a row claims, and its code.
#[derive(Clone)]
pub struct Claim {
    pub kind: Kind,
    /// The row's name in a sentence.
    pub name: String,
    pub said: Said,
    pub revision: i64,
    pub mac: Option<Vec<u8>>,
    pub key: Key,
    pub place: RevisionPlace,
}

impl Claim {
    /// Returns what a row claims whose columns cannot be read: nothing.
    fn unreadable(kind: Kind) -> Self {
        Self {
            kind,
            name: format!("a row of the table {} that cannot be read", kind.table()),
            said: Said::of(kind),
            revision: 0,
            mac: None,
            key: Key::Bytes(Vec::new()),
            place: own(Uuid::nil()),
        }
    }
}

/// The next revision of a row that was changed, and the code of the row at that revision.
pub struct Signed {
    pub key: Key,
    pub place: RevisionPlace,
    pub revision: i64,
    pub mac: [u8; 32],
}

/// A row whose claim is not proved yet. Only the vault takes it apart.
pub struct Claimed<T> {
    row: T,
    claim: Claim,
}

impl<T> Claimed<T> {
    pub(super) fn new(row: T, claim: Claim) -> Self {
        Self { row, claim }
    }

    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    pub(super) fn row(&self) -> &T {
        &self.row
    }

    /// Returns the row, whoever wrote it. Every call is a place to review.
    pub(crate) fn unproved(self) -> T {
        self.row
    }
}

/// Column of the revisions of rows whose id is their place.
const OWN: &str = "authority";

fn own(row: Uuid) -> RevisionPlace {
    RevisionPlace { row, column: OWN.to_owned() }
}

/// Returns the id under which the revisions of an API key stand.
pub(super) fn revision_id(id: ApiKeyId) -> Uuid {
    let mut bytes = [0; 16];
    bytes[10..].copy_from_slice(&id.0);
    Uuid::from_bytes(bytes)
}

/// Selects the revision of a row.
macro_rules! revision {
    ($row:literal, $column:literal, $name:literal) => {
        concat!(
            "COALESCE((SELECT r.revision FROM sealed_revision r WHERE r.row_id = ",
            $row,
            " AND r.column_name = ",
            $column,
            "), 0) AS ",
            $name
        )
    };
}

/// Selects what an environment `e` says.
macro_rules! environment_mark {
    () => {
        concat!(
            "e.id AS e_id, e.slug AS e_slug, e.name AS e_name, e.kind AS e_kind, e.created_at AS e_created_at, \
             e.removed_at AS e_removed_at, e.daily_per_type AS e_daily_per_type, e.daily_per_scope AS e_daily_per_scope, \
             e.mac AS e_mac, ",
            $crate::store::authority::revision!("e.id", "'authority'", "e_revision")
        )
    };
}

/// Selects what a scope `s` says.
macro_rules! scope_mark {
    () => {
        concat!(
            "s.id AS s_id, s.environment_id AS s_environment_id, s.country AS s_country, s.alias AS s_alias, \
             s.numbers_through AS s_numbers_through, s.created_at AS s_created_at, s.mac AS s_mac, ",
            $crate::store::authority::revision!("s.id", "'authority'", "s_revision")
        )
    };
}

/// Selects what a version `k` says.
macro_rules! version_mark {
    () => {
        concat!(
            "k.id AS k_id, k.scope_id AS k_scope_id, k.number AS k_number, k.key_type AS k_key_type, k.status AS k_status, \
             k.rotation_days AS k_rotation_days, k.customer_supplied_no AS k_customer_supplied_no, \
             k.created_at AS k_created_at, k.created_by AS k_created_by, k.mac AS k_mac, ",
            $crate::store::authority::revision!(
                "k.scope_id",
                "'version ' || CAST(k.number AS TEXT)",
                "k_revision"
            )
        )
    };
}

/// Selects what a tenant secret `t` says.
macro_rules! secret_mark {
    () => {
        concat!(
            "t.id AS t_id, t.scope_id AS t_scope_id, t.secret_type AS t_secret_type, t.secret_path AS t_secret_path, \
             t.generation AS t_generation, t.status AS t_status, t.created_at AS t_created_at, t.mac AS t_mac, ",
            $crate::store::authority::revision!("t.scope_id", "'secret ' || CAST(t.id AS TEXT)", "t_revision")
        )
    };
}

/// Selects what an administrator `a` says.
macro_rules! administrator_mark {
    () => {
        concat!(
            "a.id AS a_id, a.email AS a_email, a.password_hash AS a_password_hash, \
             a.password_changed_at AS a_password_changed_at, a.totp_seed AS a_totp_seed, \
             a.authenticator_since AS a_authenticator_since, a.security_epoch AS a_security_epoch, \
             a.created_at AS a_created_at, a.disabled_at AS a_disabled_at, a.mac AS a_mac, ",
            $crate::store::authority::revision!("a.id", "'authority'", "a_revision")
        )
    };
}

/// Selects what an API key `k` says, but for its grants.
macro_rules! api_key_mark {
    () => {
        concat!(
            "k.id AS k_id, k.revision_id AS k_revision_id, k.name AS k_name, k.hash AS k_hash, k.operations AS k_operations, \
             k.created_at AS k_created_at, k.created_by AS k_created_by, k.expires_at AS k_expires_at, \
             k.revoked_at AS k_revoked_at, k.mac AS k_mac, ",
            $crate::store::authority::revision!("k.revision_id", "'authority'", "k_revision")
        )
    };
}

/// Selects what a session `s` says.
macro_rules! session_mark {
    () => {
        concat!(
            "s.id AS s_id, s.token_hash AS s_token_hash, s.stage AS s_stage, s.user_id AS s_user_id, \
             s.security_epoch AS s_security_epoch, s.created_at AS s_created_at, s.expires_at AS s_expires_at, \
             s.mac AS s_mac, ",
            $crate::store::authority::revision!("s.id", "'authority'", "s_revision")
        )
    };
}
pub(super) use {
    administrator_mark, api_key_mark, environment_mark, revision, scope_mark, secret_mark, session_mark,
    version_mark,
};

/// Selects setup tokens. A token is never changed and ends after an hour, so it has no revision.
macro_rules! setup_tokens {
    ($rest:literal) => {
        concat!("SELECT hash, expires_at, mac FROM setup_token", $rest)
    };
}

/// Selects recovery codes.
macro_rules! recovery_codes {
    ($rest:literal) => {
        concat!(
            "SELECT c.user_id, c.hash, c.used_at, c.mac, ",
            revision!("c.user_id", "'recovery_codes'", "revision"),
            " FROM recovery_code c",
            $rest
        )
    };
}
pub(super) use setup_tokens;

#[derive(Clone, sqlx_macros::FromRow)]
pub struct EnvironmentMark {
    e_id: Uuid,
    e_slug: String,
    e_name: String,
    e_kind: String,
    e_created_at: DateTime<Utc>,
    e_removed_at: Option<DateTime<Utc>>,
    e_daily_per_type: Option<i64>,
    e_daily_per_scope: Option<i64>,
    e_mac: Option<Vec<u8>>,
    e_revision: i64,
}

impl EnvironmentMark {
    pub(super) fn slug(&self) -> Option<(EnvironmentId, Slug)> {
        Some((EnvironmentId(self.e_id), Slug::try_from(self.e_slug.clone()).ok()?))
    }

    /// Returns the columns that name the environment.
    pub(super) fn names(&self) -> Option<(EnvironmentId, Slug, String, EnvironmentKind)> {
        let (id, slug) = self.slug()?;
        Some((id, slug, self.e_name.clone(), EnvironmentKind::from_word(&self.e_kind)?))
    }

    /// Returns the limits that the row says. A number that no environment can have is none; a row with one does not verify.
    pub(super) fn limits(&self) -> OwnLimits {
        let read = |limit: Option<i64>| limit.and_then(|limit| u32::try_from(limit).ok());
        OwnLimits { per_type: read(self.e_daily_per_type), per_scope: read(self.e_daily_per_scope) }
    }

    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::Environment)
            .bytes(self.e_id.as_bytes())
            .text(&self.e_slug)
            .text(&self.e_name)
            .text(&self.e_kind)
            .time(self.e_created_at)
            .maybe(self.e_removed_at, Said::time);
        // A row without limits of its own says what it said before environments had any, so its code stays right.
        let said = match (self.e_daily_per_type, self.e_daily_per_scope) {
            (None, None) => said,
            (per_type, per_scope) => said.maybe(per_type, Said::number).maybe(per_scope, Said::number),
        };
        Claim {
            kind: Kind::Environment,
            name: format!("environment {}", self.e_slug),
            said,
            revision: self.e_revision,
            mac: self.e_mac,
            key: Key::Uuid(self.e_id),
            place: own(self.e_id),
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct ScopeMark {
    s_id: Uuid,
    s_environment_id: Uuid,
    s_country: String,
    s_alias: Option<String>,
    s_numbers_through: i64,
    s_created_at: DateTime<Utc>,
    s_mac: Option<Vec<u8>>,
    s_revision: i64,
}

impl ScopeMark {
    pub(super) fn place(&self) -> Option<ScopePlace> {
        Some(ScopePlace {
            scope: ScopeId(self.s_id),
            environment: EnvironmentId(self.s_environment_id),
            country: Country::from_code(&self.s_country).ok()?,
        })
    }

    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::Scope)
            .bytes(self.s_id.as_bytes())
            .bytes(self.s_environment_id.as_bytes())
            .text(&self.s_country)
            .maybe(self.s_alias.as_deref(), Said::text)
            .number(self.s_numbers_through)
            .time(self.s_created_at);
        Claim {
            kind: Kind::Scope,
            name: format!("country {} of environment {}", self.s_country, self.s_environment_id),
            said,
            revision: self.s_revision,
            mac: self.s_mac,
            key: Key::Uuid(self.s_id),
            place: own(self.s_id),
        }
    }
}

/// The authority of a version: whose it is, its number, its type, and whether it is Active. Due dates are not part of it: the
/// scheduler moves them, and they can be computed from what is.
#[derive(Clone, sqlx_macros::FromRow)]
pub struct VersionMark {
    pub k_id: i64,
    pub k_scope_id: Uuid,
    pub k_number: i64,
    pub k_key_type: String,
    pub k_status: String,
    pub k_rotation_days: Option<i64>,
    pub k_customer_supplied_no: Option<i64>,
    pub k_created_at: DateTime<Utc>,
    pub k_created_by: String,
    pub k_mac: Option<Vec<u8>>,
    pub k_revision: i64,
}

impl VersionMark {
    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::Version)
            .number(self.k_id)
            .bytes(self.k_scope_id.as_bytes())
            .number(self.k_number)
            .text(&self.k_key_type)
            .text(&self.k_status)
            .maybe(self.k_rotation_days, Said::number)
            .maybe(self.k_customer_supplied_no, Said::number)
            .time(self.k_created_at)
            .text(&self.k_created_by);
        Claim {
            kind: Kind::Version,
            name: format!("version {} of scope {}", self.k_number, self.k_scope_id),
            said,
            revision: self.k_revision,
            mac: self.k_mac,
            key: Key::Number(self.k_id),
            place: RevisionPlace { row: self.k_scope_id, column: format!("version {}", self.k_number) },
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct SecretMark {
    pub t_id: i64,
    pub t_scope_id: Uuid,
    pub t_secret_type: String,
    pub t_secret_path: String,
    pub t_generation: i64,
    pub t_status: String,
    pub t_created_at: DateTime<Utc>,
    pub t_mac: Option<Vec<u8>>,
    pub t_revision: i64,
}

impl SecretMark {
    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::TenantSecret)
            .number(self.t_id)
            .bytes(self.t_scope_id.as_bytes())
            .text(&self.t_secret_type)
            .text(&self.t_secret_path)
            .number(self.t_generation)
            .text(&self.t_status)
            .time(self.t_created_at);
        Claim {
            kind: Kind::TenantSecret,
            name: format!("tenant secret {}", self.t_id),
            said,
            revision: self.t_revision,
            mac: self.t_mac,
            key: Key::Number(self.t_id),
            place: RevisionPlace { row: self.t_scope_id, column: format!("secret {}", self.t_id) },
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct AdministratorMark {
    a_id: Uuid,
    a_email: String,
    a_password_hash: String,
    a_password_changed_at: DateTime<Utc>,
    a_totp_seed: Option<Vec<u8>>,
    a_authenticator_since: Option<DateTime<Utc>>,
    a_security_epoch: i64,
    a_created_at: DateTime<Utc>,
    a_disabled_at: Option<DateTime<Utc>>,
    a_mac: Option<Vec<u8>>,
    a_revision: i64,
}

impl AdministratorMark {
    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::Administrator)
            .bytes(self.a_id.as_bytes())
            .text(&self.a_email)
            .text(&self.a_password_hash)
            .time(self.a_password_changed_at)
            .maybe(self.a_totp_seed.as_deref(), Said::bytes)
            .maybe(self.a_authenticator_since, Said::time)
            .number(self.a_security_epoch)
            .time(self.a_created_at)
            .maybe(self.a_disabled_at, Said::time);
        Claim {
            kind: Kind::Administrator,
            name: format!("administrator {}", self.a_email),
            said,
            revision: self.a_revision,
            mac: self.a_mac,
            key: Key::Uuid(self.a_id),
            place: own(self.a_id),
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct SessionMark {
    s_id: Uuid,
    s_token_hash: Vec<u8>,
    s_stage: String,
    s_user_id: Option<Uuid>,
    s_security_epoch: i64,
    s_created_at: DateTime<Utc>,
    s_expires_at: DateTime<Utc>,
    s_mac: Option<Vec<u8>>,
    s_revision: i64,
}

impl SessionMark {
    pub fn claim(self) -> Claim {
        let said = Said::of(Kind::Session)
            .bytes(self.s_id.as_bytes())
            .bytes(&self.s_token_hash)
            .text(&self.s_stage)
            .maybe(self.s_user_id.as_ref(), |said, user| said.bytes(user.as_bytes()))
            .number(self.s_security_epoch)
            .time(self.s_created_at)
            .time(self.s_expires_at);
        Claim {
            kind: Kind::Session,
            name: format!("session {}", self.s_id),
            said,
            revision: self.s_revision,
            mac: self.s_mac,
            key: Key::Uuid(self.s_id),
            place: own(self.s_id),
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct ApiKeyMark {
    k_id: Vec<u8>,
    k_revision_id: Option<Uuid>,
    k_name: String,
    k_hash: Vec<u8>,
    k_operations: String,
    k_created_at: DateTime<Utc>,
    k_created_by: String,
    k_expires_at: DateTime<Utc>,
    k_revoked_at: Option<DateTime<Utc>>,
    k_mac: Option<Vec<u8>>,
    k_revision: i64,
}

/// A grant of an API key: the environment, and the scope when it is for one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx_macros::FromRow)]
pub struct GrantMark {
    pub environment_id: Uuid,
    pub scope_id: Option<Uuid>,
}

/// Selects API keys with their grants, a row for each grant, in one statement: a key and its grants are of the same moment.
macro_rules! api_keys {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            api_key_mark!(),
            ", g.environment_id, g.scope_id FROM api_key k LEFT JOIN api_key_grant g ON g.api_key_id = k.id",
            $rest
        )
    };
}

#[derive(sqlx_macros::FromRow)]
struct GrantedKey {
    #[sqlx(flatten)]
    key: ApiKeyMark,
    environment_id: Option<Uuid>,
    scope_id: Option<Uuid>,
}

/// Combines the rows of each key, which are adjacent.
fn gathered(rows: Vec<GrantedKey>) -> Vec<Claim> {
    let mut keys: Vec<(ApiKeyMark, Vec<GrantMark>)> = Vec::new();
    for GrantedKey { key, environment_id, scope_id } in rows {
        let grant = environment_id.map(|environment_id| GrantMark { environment_id, scope_id });
        match keys.last_mut().filter(|(last, _)| last.k_id == key.k_id) {
            Some((_, grants)) => grants.extend(grant),
            None => keys.push((key, grant.into_iter().collect())),
        }
    }
    keys.into_iter().map(|(key, grants)| key.claim(grants)).collect()
}

impl ApiKeyMark {
    /// Returns the claim of the key with all of its grants.
    pub fn claim(self, mut grants: Vec<GrantMark>) -> Claim {
        grants.sort_unstable();
        let said = Said::of(Kind::ApiKey)
            .bytes(&self.k_id)
            .maybe(self.k_revision_id.as_ref(), |said, id| said.bytes(id.as_bytes()))
            .text(&self.k_name)
            .bytes(&self.k_hash)
            .text(&self.k_operations)
            .time(self.k_created_at)
            .text(&self.k_created_by)
            .time(self.k_expires_at)
            .maybe(self.k_revoked_at, Said::time)
            .number(i64::try_from(grants.len()).unwrap_or(i64::MAX));
        let said = grants.iter().fold(said, |said, grant| {
            let said = said.bytes(grant.environment_id.as_bytes());
            said.maybe(grant.scope_id.as_ref(), |said, scope| said.bytes(scope.as_bytes()))
        });
        let place = own(self.k_revision_id.unwrap_or_default());
        Claim {
            kind: Kind::ApiKey,
            name: format!("API key “{}”", self.k_name),
            said,
            revision: self.k_revision,
            mac: self.k_mac,
            key: Key::Bytes(self.k_id),
            place,
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
pub struct SetupTokenMark {
    hash: Vec<u8>,
    pub expires_at: DateTime<Utc>,
    mac: Option<Vec<u8>>,
}

impl SetupTokenMark {
    pub fn claim(self) -> Claim {
        Claim {
            kind: Kind::SetupToken,
            name: "a setup token".to_owned(),
            said: Said::of(Kind::SetupToken).bytes(&self.hash).time(self.expires_at),
            revision: 0,
            mac: self.mac,
            key: Key::Bytes(self.hash),
            place: own(Uuid::nil()),
        }
    }
}

#[derive(Clone, sqlx_macros::FromRow)]
struct RecoveryCodeMark {
    user_id: Uuid,
    hash: Vec<u8>,
    used_at: Option<DateTime<Utc>>,
    mac: Option<Vec<u8>>,
    revision: i64,
}

impl RecoveryCodeMark {
    fn claim(self) -> Claim {
        let said = Said::of(Kind::RecoveryCode)
            .bytes(self.user_id.as_bytes())
            .bytes(&self.hash)
            .maybe(self.used_at, Said::time);
        Claim {
            kind: Kind::RecoveryCode,
            name: format!("a recovery code of administrator {}", self.user_id),
            said,
            revision: self.revision,
            mac: self.mac,
            key: Key::Code(self.user_id, self.hash),
            place: RevisionPlace { row: self.user_id, column: "recovery_codes".to_owned() },
        }
    }
}

/// A row that a transaction changes, or a person's recovery codes, which change together.
#[derive(Clone, Debug)]
pub enum RowRef {
    Administrator(UserId),
    RecoveryCodes(UserId),
    Session(SessionId),
    SetupToken(Vec<u8>),
    ApiKey(ApiKeyId),
    Environment(EnvironmentId),
    Scope(ScopeId),
    Version(i64),
    TenantSecret(i64),
}

table!(authority: Read, Write);

/// Runs one of two equal queries: on a pool, or within a transaction.
macro_rules! claims {
    ($self:ident, $mark:ty, $sql:expr, $bind:expr) => {{
        let marks: Vec<$mark> = within!($self.0, c => sqlx::query_as($sql).with($bind).fetch_all(c).await)?;
        marks.into_iter().map(<$mark>::claim).collect()
    }};
}

impl Write<'_> {
    /// Locks a row until the transaction ends, so that what is read of it afterwards stays true.
    pub(crate) async fn lock(&mut self, row: &RowRef) -> Result<(), Error> {
        if matches!(self.0.0, Inner::Sqlite(_)) {
            return Ok(());
        }
        // Also what belongs to the row: a stranger's transaction must not change it before the row is signed.
        let locks: &[&str] = match row {
            RowRef::Administrator(_) => &["SELECT 1 FROM administrator WHERE id = $1 FOR UPDATE"],
            RowRef::RecoveryCodes(_) => &[
                "SELECT 1 FROM administrator WHERE id = $1 FOR UPDATE",
                "SELECT 1 FROM recovery_code WHERE user_id = $1 FOR UPDATE",
            ],
            RowRef::Environment(_) => &["SELECT 1 FROM environment WHERE id = $1 FOR UPDATE"],
            RowRef::Scope(_) => &["SELECT 1 FROM scope WHERE id = $1 FOR UPDATE"],
            RowRef::ApiKey(_) => &[
                "SELECT 1 FROM api_key WHERE id = $1 FOR UPDATE",
                "SELECT 1 FROM api_key_grant WHERE api_key_id = $1 FOR UPDATE",
            ],
            RowRef::Version(_) => &[
                "SELECT 1 FROM scope WHERE id = (SELECT scope_id FROM key_version WHERE id = $1) FOR UPDATE",
                "SELECT 1 FROM key_version WHERE id = $1 FOR UPDATE",
            ],
            RowRef::TenantSecret(_) => &[
                "SELECT 1 FROM scope WHERE id = (SELECT scope_id FROM tenant_secret WHERE id = $1) FOR UPDATE",
                "SELECT 1 FROM tenant_secret WHERE id = $1 FOR UPDATE",
            ],
            RowRef::Session(_) | RowRef::SetupToken(_) => &[],
        };
        for sql in locks {
            within!(self.0, c => {
                let query = sqlx::query(*sql);
                match row {
                    RowRef::Administrator(id) | RowRef::RecoveryCodes(id) => query.with(id.0),
                    RowRef::Environment(id) => query.with(id.0),
                    RowRef::Scope(id) => query.with(id.0),
                    RowRef::Session(id) => query.with(id.0),
                    RowRef::ApiKey(id) => query.with(&id.0[..]),
                    RowRef::Version(id) | RowRef::TenantSecret(id) => query.with(id),
                    RowRef::SetupToken(hash) => query.with(hash),
                }
                .fetch_all(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Returns what a row claims now; nothing when it does not exist.
    pub(crate) async fn claims(&mut self, row: &RowRef) -> Result<Vec<Claim>, Error> {
        const ADMINISTRATOR: &str =
            concat!("SELECT ", administrator_mark!(), " FROM administrator a WHERE a.id = $1");
        const CODES: &str = recovery_codes!(" WHERE c.user_id = $1");
        const TOKEN: &str = setup_tokens!(" WHERE hash = $1");
        const SESSION: &str = concat!("SELECT ", session_mark!(), " FROM session s WHERE s.id = $1");
        const ENVIRONMENT: &str =
            concat!("SELECT ", environment_mark!(), " FROM environment e WHERE e.id = $1");
        const SCOPE: &str = concat!("SELECT ", scope_mark!(), " FROM scope s WHERE s.id = $1");
        const VERSION: &str = concat!("SELECT ", version_mark!(), " FROM key_version k WHERE k.id = $1");
        const SECRET: &str = concat!("SELECT ", secret_mark!(), " FROM tenant_secret t WHERE t.id = $1");
        const API_KEY: &str = api_keys!(" WHERE k.id = $1");
        Ok(match row {
            RowRef::Administrator(id) => claims!(self, AdministratorMark, ADMINISTRATOR, id.0),
            RowRef::RecoveryCodes(id) => claims!(self, RecoveryCodeMark, CODES, id.0),
            RowRef::Session(id) => claims!(self, SessionMark, SESSION, id.0),
            RowRef::SetupToken(hash) => claims!(self, SetupTokenMark, TOKEN, hash),
            RowRef::Environment(id) => claims!(self, EnvironmentMark, ENVIRONMENT, id.0),
            RowRef::Scope(id) => claims!(self, ScopeMark, SCOPE, id.0),
            RowRef::Version(id) => claims!(self, VersionMark, VERSION, *id),
            RowRef::TenantSecret(id) => claims!(self, SecretMark, SECRET, *id),
            RowRef::ApiKey(id) => {
                gathered(within!(self.0, c => sqlx::query_as(API_KEY).with(&id.0[..]).fetch_all(c).await)?)
            }
        })
    }

    /// Returns the API keys that have a grant for one of an environment's scopes, or for one scope.
    pub(crate) async fn keys_with_grants(
        &mut self,
        environment: EnvironmentId,
        scope: Option<ScopeId>,
    ) -> Result<Vec<ApiKeyId>, Error> {
        const SQL: &str = "SELECT DISTINCT api_key_id FROM api_key_grant WHERE environment_id = $1 AND scope_id IS NOT NULL \
                           AND scope_id = COALESCE($2, scope_id) ORDER BY api_key_id";
        let ids: Vec<Vec<u8>> = within!(self.0, c => sqlx::query_scalar(SQL)
            .with(environment.0).with(scope.map(|scope| scope.0)).fetch_all(c).await)?;
        Ok(ids.iter().filter_map(|id| id.as_slice().try_into().ok().map(ApiKeyId)).collect())
    }

    /// Stores the codes of changed rows of one kind, and their revisions.
    pub(crate) async fn set_signed(&mut self, kind: Kind, signed: &[Signed]) -> Result<(), Error> {
        for some in signed.chunks(ROWS) {
            let revisions: Vec<_> = some.iter().map(|one| (&one.place, one.revision)).collect();
            self.0.revisions().set(&revisions).await?;
        }
        let macs: Vec<_> = signed.iter().map(|one| (one.key.clone(), one.mac)).collect();
        self.set_macs(kind, &macs).await
    }

    /// Stores the codes of rows of one kind.
    pub(crate) async fn set_macs(&mut self, kind: Kind, macs: &[(Key, [u8; 32])]) -> Result<(), Error> {
        let table = kind.table();
        for some in macs.chunks(ROWS) {
            // One statement for many rows, because an adoption may have a million of them.
            if let [(Key::Number(_), _), ..] = some {
                within!(self.0, c => {
                    let mut query = QueryBuilder::new(format!("UPDATE {table} SET mac = CASE id"));
                    for (key, mac) in some {
                        let Key::Number(id) = key else { continue };
                        query.push(" WHEN ").with(*id).push(" THEN ").with(&mac[..]);
                    }
                    query.push(" END WHERE id IN ").push_tuples(some, |mut values, (key, _)| {
                        values.with(match key {
                            Key::Number(id) => *id,
                            _ => 0,
                        });
                    });
                    query.build().execute(c).await.map(drop)
                })?;
                continue;
            }
            for (key, mac) in some {
                let mac = &mac[..];
                let column = if kind == Kind::SetupToken { "hash" } else { "id" };
                let by_key = AssertSqlSafe(format!("UPDATE {table} SET mac = $1 WHERE {column} = $2"));
                const CODE: &str = "UPDATE recovery_code SET mac = $1 WHERE user_id = $2 AND hash = $3";
                within!(self.0, c => match key {
                    Key::Uuid(id) => sqlx::query(by_key).with(mac).with(id).execute(c).await.map(drop),
                    Key::Bytes(id) => sqlx::query(by_key).with(mac).with(id).execute(c).await.map(drop),
                    Key::Number(id) => sqlx::query(by_key).with(mac).with(id).execute(c).await.map(drop),
                    Key::Code(user, hash) => sqlx::query(CODE).with(mac).with(user).with(hash).execute(c).await.map(drop),
                })?;
            }
        }
        Ok(())
    }

    /// Gives every API key the id under which its revisions stand.
    pub(crate) async fn set_revision_ids(&mut self) -> Result<(), Error> {
        const IDS: &str = "SELECT id FROM api_key WHERE revision_id IS NULL";
        const SQL: &str = "UPDATE api_key SET revision_id = $2 WHERE id = $1";
        let ids: Vec<Vec<u8>> = within!(self.0, c => sqlx::query_scalar(IDS).fetch_all(c).await)?;
        for id in ids {
            let Ok(key) = id.as_slice().try_into().map(ApiKeyId) else { continue };
            within!(self.0, c => sqlx::query(SQL).with(&id).with(revision_id(key)).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}

/// Reads all rows of a kind, some at a time. `$run` runs a query with the parameters `$1` (the last id) and `$2` (how many).
macro_rules! pages {
    ($kind:ident, $after:ident, $fetch:ident, $fetch_all:ident) => {
        match $kind {
            Kind::Administrator => $fetch_all!(
                AdministratorMark,
                concat!("SELECT ", administrator_mark!(), " FROM administrator a")
            ),
            Kind::RecoveryCode => $fetch_all!(RecoveryCodeMark, recovery_codes!("")),
            Kind::Session => {
                $fetch_all!(SessionMark, concat!("SELECT ", session_mark!(), " FROM session s"))
            }
            Kind::SetupToken => $fetch_all!(SetupTokenMark, setup_tokens!("")),
            Kind::Environment => {
                $fetch_all!(EnvironmentMark, concat!("SELECT ", environment_mark!(), " FROM environment e"))
            }
            Kind::Scope => $fetch!(
                ScopeMark,
                concat!("SELECT ", scope_mark!(), " FROM scope s WHERE s.id > $1 ORDER BY s.id LIMIT $2"),
                match $after {
                    Some(Key::Uuid(id)) => *id,
                    _ => Uuid::nil(),
                }
            ),
            Kind::Version => $fetch!(
                VersionMark,
                concat!(
                    "SELECT ",
                    version_mark!(),
                    " FROM key_version k WHERE k.id > $1 ORDER BY k.id LIMIT $2"
                ),
                match $after {
                    Some(Key::Number(id)) => *id,
                    _ => i64::MIN,
                }
            ),
            Kind::TenantSecret => $fetch!(
                SecretMark,
                concat!(
                    "SELECT ",
                    secret_mark!(),
                    " FROM tenant_secret t WHERE t.id > $1 ORDER BY t.id LIMIT $2"
                ),
                match $after {
                    Some(Key::Number(id)) => *id,
                    _ => i64::MIN,
                }
            ),
            Kind::ApiKey => Vec::new(),
        }
    };
}

const ALL_API_KEYS: &str = api_keys!(" ORDER BY k.id");
/// Number of rows of a kind with many that are read at once.
const PAGE: i64 = 1_000;

impl Read<'_> {
    /// Returns the names that people know of scopes, environments and administrators, by their ids.
    pub(crate) async fn names(&self) -> Result<Vec<(Uuid, String)>, Error> {
        const SQL: &str = "SELECT s.id, e.slug || '/' || s.country FROM scope s JOIN environment e ON e.id = s.environment_id \
                           UNION ALL SELECT id, slug FROM environment UNION ALL SELECT id, email FROM administrator";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?)
    }

    /// Returns claims of a kind: those after `after`, or the first. Kinds with few rows come all at once.
    pub(crate) async fn page(&self, kind: Kind, after: Option<&Key>) -> Result<Vec<Claim>, Error> {
        macro_rules! fetch {
            ($mark:ty, $sql:expr, $from:expr) => {{
                let marks = readable!(
                    self.0,
                    $mark,
                    "rows that give authority",
                    sqlx::query($sql).with($from).with(PAGE)
                );
                marks
                    .into_iter()
                    .map(|mark| mark.map_or_else(|_| Claim::unreadable(kind), <$mark>::claim))
                    .collect()
            }};
        }
        macro_rules! fetch_all {
            ($mark:ty, $sql:expr) => {{
                let marks = match after {
                    Some(_) => Vec::new(),
                    None => readable!(self.0, $mark, "rows that give authority", sqlx::query($sql)),
                };
                marks
                    .into_iter()
                    .map(|mark| mark.map_or_else(|_| Claim::unreadable(kind), <$mark>::claim))
                    .collect()
            }};
        }
        if kind == Kind::ApiKey && after.is_none() {
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            for row in readable!(self.0, GrantedKey, "api_key", sqlx::query(ALL_API_KEYS)) {
                row.map_or_else(|_| bad.push(Claim::unreadable(kind)), |row| good.push(row));
            }
            bad.extend(gathered(good));
            return Ok(bad);
        }
        Ok(pages!(kind, after, fetch, fetch_all))
    }
}

impl Write<'_> {
    /// Does the same within a transaction.
    pub(crate) async fn page(&mut self, kind: Kind, after: Option<&Key>) -> Result<Vec<Claim>, Error> {
        macro_rules! fetch {
            ($mark:ty, $sql:expr, $from:expr) => {{
                let marks: Vec<$mark> =
                    within!(self.0, c => sqlx::query_as($sql).with($from).with(PAGE).fetch_all(c).await)?;
                marks.into_iter().map(<$mark>::claim).collect()
            }};
        }
        macro_rules! fetch_all {
            ($mark:ty, $sql:expr) => {{
                let marks: Vec<$mark> = match after {
                    Some(_) => Vec::new(),
                    None => within!(self.0, c => sqlx::query_as($sql).fetch_all(c).await)?,
                };
                marks.into_iter().map(<$mark>::claim).collect()
            }};
        }
        if kind == Kind::ApiKey && after.is_none() {
            return Ok(gathered(within!(self.0, c => sqlx::query_as(ALL_API_KEYS).fetch_all(c).await)?));
        }
        Ok(pages!(kind, after, fetch, fetch_all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(per_type: Option<i64>, per_scope: Option<i64>) -> Vec<u8> {
        let mark = EnvironmentMark {
            e_id: Uuid::from_bytes([7; 16]),
            e_slug: "eu".into(),
            e_name: "EU".into(),
            e_kind: "test".into(),
            e_created_at: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
            e_removed_at: None,
            e_daily_per_type: per_type,
            e_daily_per_scope: per_scope,
            e_mac: None,
            e_revision: 0,
        };
        mark.claim().said.as_bytes().to_vec()
    }

    /// Databases of releases before environments had limits have codes over exactly these bytes.
    #[test]
    fn an_environment_without_limits_says_what_it_always_said() {
        let parts: [(u8, &[u8]); 7] = [
            (2, b"environment"),
            (1, &[7; 16]),
            (2, b"eu"),
            (2, b"EU"),
            (2, b"test"),
            (4, &1_700_000_000_000_000_i64.to_be_bytes()),
            (0, b""),
        ];
        let mut before = Vec::new();
        for (tag, bytes) in parts {
            before.push(tag);
            before.extend((bytes.len() as u64).to_be_bytes());
            before.extend(bytes);
        }
        assert_eq!(environment(None, None), before);
        let all = [(None, None), (Some(1), None), (None, Some(1)), (Some(1), Some(2)), (Some(2), Some(1))];
        let said: std::collections::HashSet<_> = all.map(|(one, all)| environment(one, all)).into();
        assert_eq!(said.len(), all.len(), "no two of them say the same");
    }
}
