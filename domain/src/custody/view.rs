//! What pages show of a key that a customer's KMS releases.

use crate::custody::preflight::{FailureCode, Report};
use chrono::{DateTime, Utc};

/// What a version of type "Manual: AWS" has besides. The secret is nowhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeyView {
    pub region: String,
    pub cmk_arn: String,
    /// The encrypted data key, in base64, as it was given.
    pub encrypted_key: String,
    /// "AKIA…WXYZ".
    pub access_key_id: String,
    pub credentials_at: DateTime<Utc>,
    pub preflight: Report,
    pub preflight_at: DateTime<Utc>,
    /// When the next probe is due; never for a Deprecated version, or where probes are switched off.
    pub probe_at: Option<DateTime<Utc>>,
    pub policy: String,
}

/// What this server holds of a version's material in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    pub held: Option<HeldView>,
    /// Why the last try to load it failed.
    pub trouble: Option<FailureCode>,
}

/// Material in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// When it was released last.
    pub released_at: DateTime<Utc>,
    /// When it is released anew, or wiped if nobody has used it.
    pub refresh_at: DateTime<Utc>,
    /// The end of its use while it cannot be released anew.
    pub hold_until: DateTime<Utc>,
}
