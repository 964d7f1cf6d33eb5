//! What the pages are made of: the only types that carry data outwards.

use crate::audit::event::{Event, Outcome};
use crate::audit::journal::Recorded;
use crate::base::id::SessionId;
use crate::base::words::visible;
use crate::custody::health::{Health, HealthState};
use crate::custody::preflight::{FailureCode, Report};
use crate::data::operation::Operation;
use crate::data::tenant_secret::{RotationStep, SecretType};
use crate::keys::key_version::{KeyType, Status};
use crate::keys::limits::{DailyLimits, Usage};
use crate::keys::rotation::RotationPeriod;
use crate::scopes::alias::Alias;
use crate::scopes::scope::{Country, Kind, ScopeName, Slug};
use crate::services::api_key::{ApiKeyId, Reach, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// A message shown once after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// What happened and what follows.
    pub message: String,
    /// What happened is not what was hoped for.
    pub warns: bool,
}

/// What every signed-in page shows around its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrome {
    pub email: String,
    pub theme: Theme,
    /// The path of the page, to mark its place and to come back to.
    pub path: String,
    /// What stands in the filter box of the sidebar.
    pub filter: String,
    pub tree: Tree,
    pub flash: Option<Flash>,
    /// Every page is made at one moment; spans are counted from it.
    pub now: DateTime<Utc>,
}

/// The environments of the portal, with countries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub environments: Vec<TreeEnvironment>,
    /// There are more than [`Tree::LARGE`] countries.
    pub is_large: bool,
}

impl Tree {
    /// With more countries than these not all are shown: those of the environment one is in, and what the filter finds.
    pub const LARGE: usize = 1_000;
}

/// An environment in the sidebar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEnvironment {
    pub slug: Slug,
    pub name: String,
    pub kind: Kind,
    pub countries: Vec<TreeCountry>,
}

/// A country in the sidebar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeCountry {
    pub country: Country,
    pub lacks: Option<Lack>,
}

/// What a country lacks, said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no key: data would go unencrypted.
    NoKey,
    /// The rotation of the managed key is overdue.
    Rotate,
    /// The customer's KMS refuses.
    Refused,
    /// The customer's KMS cannot be reached.
    Unreachable,
}

impl Lack {
    pub fn label(self) -> &'static str {
        match self {
            Self::NoKey => "no key",
            Self::Rotate => "rotate",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A row of the environments page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentRow {
    pub slug: Slug,
    pub name: String,
    pub kind: Kind,
    pub countries: u32,
    /// Countries that have an encryption key.
    pub with_key: u32,
    pub created_at: DateTime<Utc>,
}

impl EnvironmentRow {
    /// Removal is possible only while no key exists.
    pub fn is_removable(&self) -> bool {
        self.with_key == 0
    }
}

/// One environment and its countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentView {
    pub environment: EnvironmentRow,
    pub countries: Vec<CountryRow>,
}

/// A row of an environment's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryRow {
    pub country: Country,
    /// The Active version's number, once there is a key.
    pub active: Option<u32>,
    pub key_type: Option<KeyType>,
    pub due_at: Option<DateTime<Utc>>,
    /// Whether the customer's KMS releases the Active version's key.
    pub health: Option<HealthState>,
    pub created_at: DateTime<Utc>,
}

/// A new authenticator: the secret as text and as a QR code.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentView {
    pub email: String,
    /// Base32, in groups of four.
    pub secret: String,
    /// Modules per side of the QR code, quiet zone included.
    pub qr_size: u32,
    /// An SVG path that draws the dark modules, one unit each.
    pub qr_path: String,
}

/// A session in the list of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub is_this: bool,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub address: String,
    /// "Firefox on Linux", or the first characters of what the browser calls itself.
    pub agent: String,
}

/// The profile of the person signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    pub email: String,
    pub created_at: DateTime<Utc>,
    pub password_changed_at: DateTime<Utc>,
    pub authenticator_since: DateTime<Utc>,
    /// Recovery codes not used yet, of ten.
    pub recovery_codes_left: u32,
    pub sessions: Vec<SessionRow>,
}

/// A change that waits for its code: what will happen, in sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedView {
    pub effects: Vec<String>,
    /// Something the person should weigh before going on.
    pub warning: Option<String>,
    /// What the customer's KMS was found to do, where it was asked.
    pub report: Option<Report>,
    /// The least-privilege policy for the key it is about.
    pub policy: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// The tenant secrets of one scope, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSecretsView {
    /// Current ones of each type.
    pub current: Vec<(SecretType, u32)>,
    /// Those before them, which a rotation that is under way still answers.
    pub previous: u32,
    pub rotating_since: Option<DateTime<Utc>>,
    /// The newest one that was ever followed by another.
    pub followed: Option<u32>,
}

impl TenantSecretsView {
    pub fn total(&self) -> u32 {
        self.current.iter().map(|(_, count)| count).sum()
    }

    /// The step that comes next; none while there is nothing to rotate.
    pub fn due(&self) -> Option<RotationStep> {
        match (self.previous, self.total()) {
            (0, 0) => None,
            (0, _) => Some(RotationStep::Begin),
            _ => Some(RotationStep::Finish),
        }
    }
}

/// The keys page of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysView {
    pub scope: ScopeName,
    /// The name under which services may ask for it besides its own.
    pub alias: Option<Alias>,
    pub environment_name: String,
    /// Newest first; one page of them.
    pub versions: Vec<VersionRow>,
    /// The number to continue below, where there are more.
    pub older: Option<u32>,
    /// The page does not begin with the newest version.
    pub is_older_page: bool,
    pub limits: LimitsView,
}

impl KeysView {
    /// The Active version as the rules see it.
    pub fn is_managed(&self) -> bool {
        self.limits.active_type == Some(KeyType::Managed)
    }
}

/// What is left of the limits before a form is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsView {
    pub daily: DailyLimits,
    /// Versions of each type made today, in the order of [`KeyType::ALL`].
    pub of_type_today: Vec<(KeyType, u32)>,
    /// Versions of any type made today.
    pub today: u32,
    pub resets_at: DateTime<Utc>,
    pub customer_supplied_used: u32,
    pub runs_out_at: Option<DateTime<Utc>>,
    pub active_type: Option<KeyType>,
}

impl LimitsView {
    /// What counts for one more version of a type.
    pub fn usage(&self, key_type: KeyType) -> Usage {
        let of_type = self.of_type_today.iter().find(|(of, _)| *of == key_type);
        Usage {
            of_type_today: of_type.map_or(0, |(_, made)| *made),
            today: self.today,
            customer_supplied: self.customer_supplied_used,
        }
    }
}

/// One version in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    pub number: u32,
    pub key_type: KeyType,
    pub period: Option<RotationPeriod>,
    pub created_at: DateTime<Utc>,
    pub status: Status,
    pub due_at: Option<DateTime<Utc>>,
    /// Who made it: an e-mail address or "Keystead".
    pub created_by: String,
    /// The portal-wide id.
    pub id: i64,
    /// Of a version whose key a customer's KMS releases.
    pub health: Option<Health>,
}

/// How much a version is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageView {
    /// Ciphertexts and wrapped data keys it ever made.
    pub issued: u64,
    /// How often something of it was opened in the last 90 days.
    pub seen: u64,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a version of type "Manual: AWS" has besides. The secret is nowhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeyView {
    pub region: String,
    pub cmk_arn: String,
    /// The encrypted data key, in base64, as it was given.
    pub encrypted_key: String,
    /// "AKIA…WXYZ".
    pub access_key_id: String,
    pub credentials_at: DateTime<Utc>,
    pub preflight: Report,
    pub preflight_at: DateTime<Utc>,
    /// When the next probe is due; never for a Deprecated version, or where probes are switched off.
    pub probe_at: Option<DateTime<Utc>>,
    pub policy: String,
}

/// What this server holds of a version's material in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    pub held: Option<HeldView>,
    /// Why the last try to load it failed.
    pub trouble: Option<FailureCode>,
}

/// Material in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// When it was released last.
    pub released_at: DateTime<Utc>,
    /// When it is released anew, or wiped if nobody has used it.
    pub refresh_at: DateTime<Utc>,
    /// The end of its use while it cannot be released anew.
    pub hold_until: DateTime<Utc>,
}

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditView {
    /// Newest first.
    pub events: Vec<Event>,
    /// Continue with events older than this sequence number.
    pub older: Option<i64>,
    pub is_older_page: bool,
}

/// Which half of the audit log: what people did in the portal, or what services did at the data plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditSource {
    #[default]
    Portal,
    Data,
}

impl AuditSource {
    pub const ALL: [Self; 2] = [Self::Portal, Self::Data];

    pub fn word(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Data => "data",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Portal => "Portal",
            Self::Data => "Data plane",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// A line of the audit log, of either half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub id: String,
    pub at: DateTime<Utc>,
    pub who: String,
    /// Under the name: how the API key begins.
    pub key: Option<String>,
    pub action: &'static str,
    pub detail: String,
    pub place: String,
    pub outcome: Outcome,
    pub address: String,
}

/// The page of the audit log: what was looked for, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    pub source: AuditSource,
    /// Newest first.
    pub lines: Vec<LogLine>,
    /// The query of the next page.
    pub older: Option<String>,
    /// The query without its place, when the page does not begin with the newest.
    pub newest: Option<String>,
    /// Something is looked for.
    pub is_filtered: bool,
    /// Segments that are not as they were written, and not shown.
    pub damaged: u32,
}

impl From<Event> for LogLine {
    fn from(event: Event) -> Self {
        Self {
            id: event.sequence.to_string(),
            at: event.at,
            who: visible(&event.who),
            key: None,
            action: event.action.label(),
            detail: visible(&event.detail),
            place: visible(&event.place),
            outcome: event.outcome,
            address: visible(&event.address),
        }
    }
}

impl From<Recorded> for LogLine {
    fn from(recorded: Recorded) -> Self {
        let Recorded { server, sequence, event } = recorded;
        Self {
            id: format!("{server}-{sequence}"),
            at: event.at,
            detail: visible(&event.detail()),
            key: Some(format!("{}…", event.key)),
            who: visible(&event.who),
            action: event.deed.label(),
            place: visible(&event.scope),
            outcome: event.outcome,
            address: visible(&event.address),
        }
    }
}

/// An API key in the list. The secret is nowhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub name: String,
    pub reach: Vec<Reach>,
    pub operations: Vec<Operation>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub state: State,
}

impl ApiKeyRow {
    /// How the key begins.
    pub fn seen(&self) -> String {
        self.id.seen()
    }
}

/// The page of API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeysView {
    /// Newest first.
    pub keys: Vec<ApiKeyRow>,
    /// Continue below this key, where there are more.
    pub older: Option<ApiKeyId>,
    pub is_older_page: bool,
}

/// An operation of the data plane, as its document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOperation {
    pub method: &'static str,
    pub path: String,
    pub about: String,
    pub name: String,
    /// What one item of the request has, and what its answer.
    pub request: Vec<ApiField>,
    pub answer: Vec<ApiField>,
    pub statuses: Vec<ApiStatus>,
}

/// A field of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiField {
    pub name: String,
    pub kind: String,
    pub is_required: bool,
    pub about: String,
}

/// A status, and what it means there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiStatus {
    pub status: String,
    pub meaning: String,
}

/// A key that was just made, shown until its owner has it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKeyView {
    pub name: String,
    pub key: String,
    pub reach: Vec<String>,
    pub operations: String,
    pub expires_at: DateTime<Utc>,
}
