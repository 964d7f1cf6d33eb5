//! What a verification code confirms of encryption keys: each command says exactly what will be done.

use crate::custody::command::AwsKey;
use crate::keys::key_version::Plan;
use crate::keys::rotation::RotationPeriod;
use crate::scopes::command::ScopeRef;
use serde::{Deserialize, Serialize};

/// "Add encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateKey {
    pub scope: ScopeRef,
    /// What the page showed; refused if it is no longer what would happen.
    pub plan: Plan,
    pub source: Source,
}

/// Where the material of a new version comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Generated here.
    Generated,
    /// Released by the customer's AWS KMS.
    Aws(Box<AwsKey>),
}

/// "Rotate encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateKey {
    pub scope: ScopeRef,
    pub plan: Plan,
}

/// "Edit encryption key".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditKey {
    pub scope: ScopeRef,
    /// The Active version whose period changes.
    pub number: u32,
    pub from: RotationPeriod,
    pub to: RotationPeriod,
}
