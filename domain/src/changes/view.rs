//! A change that waits for its code.

use crate::custody::preflight::Report;
use chrono::{DateTime, Utc};

/// A change that waits for its code: what will happen, in sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedView {
    pub effects: Vec<String>,
    /// Something the person should weigh before going on.
    pub warning: Option<String>,
    /// What the customer's KMS was found to do, where it was asked.
    pub report: Option<Report>,
    /// The least-privilege policy for the key it is about.
    pub policy: Option<String>,
    pub expires_at: DateTime<Utc>,
}
