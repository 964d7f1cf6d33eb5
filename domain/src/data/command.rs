//! What a verification code confirms of tenant secrets.

use crate::data::tenant_secret::RotationStep;
use crate::scopes::command::ScopeRef;
use serde::{Deserialize, Serialize};

/// A step of rotating the secrets that a scope's keys are derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateTenantSecrets {
    pub scope: ScopeRef,
    pub step: RotationStep,
    /// The newest secret that was followed by another when this was planned: a rotation since then is another one.
    pub followed: Option<u32>,
}
