//! The list of API keys, and a new key.

use crate::data::operation::Operation;
use crate::services::api_key::{ApiKeyId, Reach, State};
use chrono::{DateTime, Utc};

/// An API key in the list. It does not contain the secret.
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
    /// Keystead wrote its row; nothing uses one that somebody else wrote.
    pub is_proved: bool,
}

impl ApiKeyRow {
    /// Returns the beginning of the key.
    pub fn seen(&self) -> String {
        self.id.seen()
    }
}

/// The page of API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeysView {
    /// Newest first.
    pub keys: Vec<ApiKeyRow>,
    /// The key below which the next page continues, if there are more keys.
    pub older: Option<ApiKeyId>,
    pub is_older_page: bool,
}

/// A key that was just created, shown until the administrator has saved it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKeyView {
    pub name: String,
    pub key: String,
    pub reach: Vec<String>,
    pub operations: String,
    pub expires_at: DateTime<Utc>,
}
