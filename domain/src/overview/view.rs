//! The environments with their countries, and what they lack.

use crate::custody::health::HealthState;
use crate::keys::key_type::KeyType;
use crate::overview::lack::Lack;
use crate::scopes::scope::{Country, EnvironmentKind, Slug};
use chrono::{DateTime, Utc};

/// The environments of the portal, with countries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub environments: Vec<TreeEnvironment>,
    /// The portal has more than [`Tree::LARGE`] countries.
    pub is_large: bool,
}

impl Tree {
    /// Maximum number of countries for which the tree shows all. A larger tree shows only the countries of the open environment
    /// and those that the filter finds.
    pub const LARGE: usize = 1_000;
}

/// An environment in the sidebar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEnvironment {
    pub slug: Slug,
    pub name: String,
    pub kind: EnvironmentKind,
    pub countries: Vec<TreeCountry>,
}

/// A country in the sidebar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeCountry {
    pub country: Country,
    pub lacks: Option<Lack>,
}

/// A row of the environments page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentRow {
    pub slug: Slug,
    pub name: String,
    pub kind: EnvironmentKind,
    pub countries: u32,
    /// Number of countries that have an encryption key.
    pub with_key: u32,
    pub created_at: DateTime<Utc>,
    /// A country of it once had versions, so its slug is not used again after its removal.
    pub keeps_slug: bool,
    /// Keystead wrote its row; nothing uses one that somebody else wrote.
    pub is_proved: bool,
}

impl EnvironmentRow {
    /// Checks whether the environment can be removed: only while it has no encryption key.
    pub fn is_removable(&self) -> bool {
        self.with_key == 0
    }

    /// Returns the number of countries that have no encryption key.
    pub fn without_key(&self) -> u32 {
        self.countries.saturating_sub(self.with_key)
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
    /// The number of the Active version; `None` while there is no key.
    pub active: Option<u32>,
    pub key_type: Option<KeyType>,
    pub due_at: Option<DateTime<Utc>>,
    /// When the Active version was created.
    pub key_created_at: Option<DateTime<Utc>>,
    /// Only for a version whose key a customer's KMS releases.
    pub health: Option<HealthState>,
    pub lacks: Option<Lack>,
    pub created_at: DateTime<Utc>,
    /// Keystead wrote its row; nothing uses one that somebody else wrote.
    pub is_proved: bool,
}
