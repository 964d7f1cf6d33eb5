//! What a verification code confirms of an account.

use crate::base::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};

/// A new password; the hash, never the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    pub user: UserId,
    /// Argon2id in PHC string form. The command is sealed while it waits.
    pub password_hash: String,
}

/// Leave to enrol another authenticator app; the new one proves itself with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceAuthenticator {
    pub user: UserId,
}

/// One other session of the same administrator ends, or all of them.
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
