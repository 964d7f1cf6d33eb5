//! What needs attention, the worst first.

use crate::custody::preflight::FailureCode;
use crate::overview::lack::Lack;
use crate::scopes::scope::ScopeName;
use chrono::{DateTime, Utc};

/// Maximum number of countries that the list names for one lack.
pub const NAMED: usize = 5;
/// Number of days before its end from which on an API key needs attention.
pub const KEY_ENDS_DAYS: i64 = 14;

/// A country that lacks something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    pub lack: Lack,
    pub scope: ScopeName,
    pub environment_name: String,
    /// Since when the KMS refuses or cannot be reached; the date of a rotation; otherwise of no meaning.
    pub at: DateTime<Utc>,
    /// Why the KMS refuses or cannot be reached.
    pub code: Option<FailureCode>,
    /// Number of customer-supplied versions, where they run out.
    pub supplied: u32,
}

/// An API key that ends soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingKey {
    pub name: String,
    pub expires_at: DateTime<Utc>,
}

/// What needs attention in the countries and among the API keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttentionView {
    /// At most [`NAMED`] countries of each lack, the worst lack first.
    pub lacking: Vec<Lacking>,
    /// Number of countries that lack each, named or not; a country may lack several.
    pub counts: Vec<(Lack, u32)>,
    /// At most [`NAMED`] API keys that end within [`KEY_ENDS_DAYS`] days, the first to end first.
    pub ending: Vec<EndingKey>,
    /// Number of API keys that end so soon.
    pub ending_count: u32,
}

impl AttentionView {
    pub fn count(&self, lack: Lack) -> u32 {
        self.counts.iter().filter(|(of, _)| *of == lack).map(|(_, count)| count).sum()
    }
}
