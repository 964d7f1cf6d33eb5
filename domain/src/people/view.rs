//! The profile, its sessions, a new authenticator.

use crate::base::id::SessionId;
use chrono::{DateTime, Utc};

/// A new authenticator: the secret as text and as a QR code.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentView {
    /// The name of the installation in the app.
    pub issuer: String,
    /// The name of the account in the app.
    pub account: String,
    /// Another authenticator works until this one is confirmed.
    pub replaces: bool,
    /// Base32, in groups of four.
    pub secret: String,
    /// Modules per side of the QR code, quiet zone included.
    pub qr_size: u32,
    /// An SVG path that draws the dark modules, one unit each.
    pub qr_path: String,
}

/// A session in the list of the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub is_this: bool,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub address: String,
    /// "Firefox on Linux", or the first characters of the browser's `User-Agent`.
    pub agent: String,
}

/// The profile of the person signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    pub email: String,
    pub created_at: DateTime<Utc>,
    pub password_changed_at: DateTime<Utc>,
    pub authenticator_since: DateTime<Utc>,
    /// Number of unused recovery codes, of ten.
    pub recovery_codes_left: u32,
    pub sessions: Vec<SessionRow>,
}
