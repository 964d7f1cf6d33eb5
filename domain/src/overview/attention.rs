//! What needs attention, the worst first.

use crate::custody::preflight::FailureCode;
use crate::overview::lack::Lack;
use crate::scopes::scope::ScopeName;
use crate::services::api_key::ApiKeyId;
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

/// Number of days for which an API key that has ended needs attention.
pub const KEY_ENDED_DAYS: i64 = 14;
/// A service that used an API key in so many days before its end misses it.
pub const KEY_USED_DAYS: i64 = 14;

/// An API key that ends soon, or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingKey {
    pub id: ApiKeyId,
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
    /// API keys that end within [`KEY_ENDS_DAYS`] days.
    pub ending: EndingKeys,
    /// API keys that ended in the last [`KEY_ENDED_DAYS`] days, were in use, and are not revoked.
    pub ended: EndingKeys,
}

/// Some API keys, of which a few are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndingKeys {
    pub count: u32,
    /// At most [`NAMED`], the first to end first.
    pub named: Vec<EndingKey>,
}

impl AttentionView {
    pub fn count(&self, lack: Lack) -> u32 {
        self.counts.iter().filter(|(of, _)| *of == lack).map(|(_, count)| count).sum()
    }
}
