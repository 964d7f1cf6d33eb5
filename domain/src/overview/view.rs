//! The environments with their countries, and what they lack.

use crate::keys::key_type::KeyType;
use crate::overview::lack::Lack;
use crate::scopes::scope::{Country, EnvironmentKind, Slug};
use chrono::{DateTime, Utc};

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
    pub lacks: Option<Lack>,
    pub created_at: DateTime<Utc>,
}
