//! Commands for tenant secrets that a verification code confirms.

use crate::data::tenant_secret::RotationStep;
use crate::scopes::command::ScopeRef;
use serde::{Deserialize, Serialize};

/// A step in the rotation of the secrets from which a scope's keys are derived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateTenantSecrets {
    pub scope: ScopeRef,
    pub step: RotationStep,
    /// Number of replaced secrets at the time of planning. If it differs at execution, another rotation has taken place since.
    pub followed: i64,
    /// Number of uses of the previous secrets that whoever finishes it has seen and accepted. With more, Keystead refuses the command.
    #[serde(default)]
    pub accepted_uses: u64,
}
