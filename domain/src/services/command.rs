//! What a verification code confirms of API keys.

use crate::data::operation::Operation;
use crate::services::api_key::{ApiKeyId, Grant, Lifetime};
use serde::{Deserialize, Serialize};

/// "Create API key". Its secret is drawn when it is made, and shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateApiKey {
    pub name: String,
    pub grants: Vec<Grant>,
    pub operations: Vec<Operation>,
    pub lifetime: Lifetime,
}

/// "Revoke": the key stops working, on every server, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeApiKey {
    pub id: ApiKeyId,
    pub name: String,
}
