//! The list of versions, one version, and the use of the limits.

use crate::base::pages::Page;
use crate::custody::health::Health;
use crate::keys::key_type::KeyType;
use crate::keys::key_version::Status;
use crate::keys::limits::{DailyLimits, OwnLimits, Used};
use crate::keys::rotation::RotationPeriod;
use crate::keys::usage::LateUse;
use crate::overview::view::EnvironmentRow;
use crate::scopes::alias::Alias;
use crate::scopes::scope::ScopeName;
use chrono::{DateTime, Utc};

/// The keys page of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysView {
    pub scope: ScopeName,
    /// A second name under which services can address the scope.
    pub alias: Option<Alias>,
    pub environment_name: String,
    pub active: Option<VersionRow>,
    /// Who used the Active version lately.
    pub active_use: LateUse,
    /// Newest first; one page of them.
    pub versions: Vec<VersionRow>,
    /// The use of each of them, in the same order.
    pub usage: Vec<UsageView>,
    pub page: Page,
    pub limits: LimitsView,
}

impl KeysView {
    /// Checks whether Keystead manages the Active version.
    pub fn is_managed(&self) -> bool {
        self.limits.active_type == Some(KeyType::Managed)
    }
}

/// The use of the limits, shown before a form is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsView {
    /// The daily limits that hold in the scope.
    pub daily: DailyLimits,
    /// Those of them that are its environment's own.
    pub own: OwnLimits,
    /// Versions of each type created today, in the order of [`KeyType::ALL`].
    pub of_type_today: Vec<(KeyType, u32)>,
    /// Versions of any type created today.
    pub today: u32,
    pub resets_at: DateTime<Utc>,
    pub customer_supplied_used: u32,
    pub runs_out_at: Option<DateTime<Utc>>,
    pub active_type: Option<KeyType>,
    /// Number of the next version.
    pub next_number: u32,
}

impl LimitsView {
    /// Returns the used part of each limit that applies to one more version of a type.
    pub fn usage(&self, key_type: KeyType) -> Used {
        let of_type = self.of_type_today.iter().find(|(of, _)| *of == key_type);
        Used {
            of_type_today: of_type.map_or(0, |(_, made)| *made),
            today: self.today,
            customer_supplied: self.customer_supplied_used,
            // Numbers are planned from the database, not from a view.
            numbers_through: 0,
        }
    }
}

/// The daily limits of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentLimits {
    pub environment: EnvironmentRow,
    pub own: OwnLimits,
    /// The server's settings, which hold where the environment has no number of its own.
    pub server: DailyLimits,
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
    /// The creator: an e-mail address or "Keystead".
    pub created_by: String,
    /// The portal-wide id.
    pub id: i64,
    /// Only for a version whose key a customer's KMS releases.
    pub health: Option<Health>,
    /// Keystead wrote its row; nothing uses one that somebody else wrote.
    pub is_proved: bool,
}

/// The use of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageView {
    /// Number of ciphertexts and wrapped data keys that the version ever produced.
    pub issued: u64,
    /// Number of its ciphertexts and wrapped data keys that Keystead opened in the last 90 days.
    pub seen: u64,
    /// Earlier releases did not keep it.
    pub first_used_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}
