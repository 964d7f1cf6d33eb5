//! What a verification code confirms: each command says exactly what will be done.

use crate::id::{ScopeId, SessionId, UserId};
use crate::key_version::Plan;
use crate::rotation::RotationPeriod;
use crate::scope::ScopeName;
use serde::{Deserialize, Serialize};

/// A scope as a command names it: the row, and the name people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRef {
    pub id: ScopeId,
    pub name: ScopeName,
}

/// "Add encryption key" of type Managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateKey {
    pub scope: ScopeRef,
    /// What the page showed; refused if it is no longer what would happen.
    pub plan: Plan,
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
