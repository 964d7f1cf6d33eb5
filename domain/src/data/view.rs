//! Tenant secrets, and the reference of the data plane.

use crate::data::tenant_secret::{RotationStep, SecretType};
use chrono::{DateTime, Utc};

/// Numbers of tenant secrets of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSecretsView {
    /// Number of current secrets of each type.
    pub current: Vec<(SecretType, u32)>,
    /// Number of previous secrets, which clients still get while a rotation is under way.
    pub previous: u32,
    pub rotating_since: Option<DateTime<Utc>>,
    /// Number of secrets that have been replaced, in any rotation.
    pub followed: i64,
}

impl TenantSecretsView {
    pub fn total(&self) -> u32 {
        self.current.iter().map(|(_, count)| count).sum()
    }

    /// Returns the next step of a rotation; `None` while there is nothing to rotate.
    pub fn due(&self) -> Option<RotationStep> {
        match (self.previous, self.total()) {
            (0, 0) => None,
            (0, _) => Some(RotationStep::Begin),
            _ => Some(RotationStep::Finish),
        }
    }
}

/// An operation of the data plane, as the OpenAPI document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOperation {
    pub method: &'static str,
    pub path: String,
    pub about: String,
    pub name: String,
    /// The fields of one item of the request, and those of its answer.
    pub request: Vec<ApiField>,
    pub answer: Vec<ApiField>,
}

/// A field of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiField {
    pub name: String,
    pub kind: String,
    pub is_required: bool,
    pub about: String,
}
