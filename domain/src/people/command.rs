//! Commands for an account that a verification code confirms.

use crate::base::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};

/// A new password, held as its hash, never as the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    pub user: UserId,
    /// Argon2id in PHC string form. The command is sealed while it waits.
    pub password_hash: String,
}

/// Permission to enrol another authenticator app; the new app is verified with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceAuthenticator {
    pub user: UserId,
}

/// The end of one other session of the same administrator, or of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSessions {
    pub user: UserId,
    /// `None`: all others.
    pub only: Option<SessionId>,
}

/// Ten new recovery codes; the old ones stop working.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceRecoveryCodes {
    pub user: UserId,
}
