//! Tenant secrets, and the reference of the data plane.

use crate::data::tenant_secret::{RotationStep, SecretType};
use chrono::{DateTime, Utc};

/// The tenant secrets of one scope, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSecretsView {
    /// Current ones of each type.
    pub current: Vec<(SecretType, u32)>,
    /// Those before them, which a rotation that is under way still answers.
    pub previous: u32,
    pub rotating_since: Option<DateTime<Utc>>,
    /// The newest one that was ever followed by another.
    pub followed: Option<u32>,
}

impl TenantSecretsView {
    pub fn total(&self) -> u32 {
        self.current.iter().map(|(_, count)| count).sum()
    }

    /// The step that comes next; none while there is nothing to rotate.
    pub fn due(&self) -> Option<RotationStep> {
        match (self.previous, self.total()) {
            (0, 0) => None,
            (0, _) => Some(RotationStep::Begin),
            _ => Some(RotationStep::Finish),
        }
    }
}

/// An operation of the data plane, as its document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOperation {
    pub method: &'static str,
    pub path: String,
    pub about: String,
    pub name: String,
    /// What one item of the request has, and what its answer.
    pub request: Vec<ApiField>,
    pub answer: Vec<ApiField>,
    pub statuses: Vec<ApiStatus>,
}

/// A field of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiField {
    pub name: String,
    pub kind: String,
    pub is_required: bool,
    pub about: String,
}

/// A status, and what it means there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiStatus {
    pub status: String,
    pub meaning: String,
}
