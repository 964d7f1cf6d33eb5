//! Views of a key that a customer's KMS releases.

use crate::custody::preflight::{FailureCode, Report};
use chrono::{DateTime, TimeDelta, Utc};

/// The AWS data of a version of type "Manual: AWS". It does not contain the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeyView {
    pub region: String,
    pub cmk_arn: String,
    /// The encrypted data key in base64, as the customer supplied it.
    pub encrypted_key: String,
    /// "AKIA…WXYZ".
    pub access_key_id: String,
    pub credentials_at: DateTime<Utc>,
    pub preflight: Report,
    pub preflight_at: DateTime<Utc>,
    /// Time at which the next probe is due; `None` for a Deprecated version, or when probes are switched off.
    pub probe_at: Option<DateTime<Utc>>,
    pub policy: String,
}

/// The state of a version's material in this server's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    pub held: Option<HeldView>,
    /// The reason why the last attempt to load the material failed.
    pub trouble: Option<FailureCode>,
}

/// Time after which a server that has not been heard of counts as silent: several times that in which it writes.
pub const SILENT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// What another server holds of a version, as it last wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLease {
    /// The name of its host.
    pub server: String,
    pub started_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub lease: LeaseView,
}

impl ServerLease {
    /// Checks whether the server has not been heard of lately, so that nobody knows whether it still holds the material.
    pub fn is_silent(&self, now: DateTime<Utc>) -> bool {
        now - self.seen_at >= SILENT_AFTER
    }
}

/// Material in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// Time of the last release, counted from its request.
    pub released_at: DateTime<Utc>,
    /// Time at which Keystead requests the material again, or wipes it when nobody has used it.
    pub refresh_at: DateTime<Utc>,
    /// Time after which the material is unusable when it cannot be released again.
    pub hold_until: DateTime<Utc>,
}
