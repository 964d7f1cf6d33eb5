//! Commands for API keys that a verification code confirms.

use crate::data::operation::Operation;
use crate::services::api_key::{ApiKeyId, Grant, Lifetime};
use serde::{Deserialize, Serialize};

/// "Create API key". Keystead generates the secret when it creates the key, and shows it once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateApiKey {
    pub name: String,
    pub grants: Vec<Grant>,
    pub operations: Vec<Operation>,
    pub lifetime: Lifetime,
}

/// "Revoke": the key stops working on every server, permanently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeApiKey {
    pub id: ApiKeyId,
    pub name: String,
}
