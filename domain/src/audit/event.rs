//! Audit events: who did what, where, when, with which outcome.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($variant:ident = $word:literal, $label:literal;)*) => {
        /// An action that an actor did or attempted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action { $(#[serde(rename = $word)] $variant,)* }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the word that is stored and exported.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Returns the label that people read.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    Setup = "portal.setup", "Set up Keystead";
    SignIn = "session.sign_in", "Sign in";
    SignInRecovery = "session.sign_in_recovery", "Sign in with a recovery code";
    SignOut = "session.sign_out", "Sign out";
    SessionsEnd = "session.end_others", "Sign out other sessions";
    UserCreate = "user.create", "Create administrator";
    PasswordChange = "user.password_change", "Change password";
    PasswordReset = "user.password_reset", "Reset password";
    AuthenticatorReplace = "user.authenticator_replace", "Replace authenticator";
    AuthenticatorReset = "user.authenticator_reset", "Reset authenticator";
    UserSignOut = "user.sign_out", "Sign out administrator";
    UserDisable = "user.disable", "Disable administrator";
    UserEnable = "user.enable", "Enable administrator";
    UserUnblock = "user.unblock", "Unblock administrator";
    RecoveryCodesReplace = "user.recovery_codes_replace", "Replace recovery codes";
    EnvironmentAdd = "environment.add", "Add environment";
    EnvironmentRename = "environment.rename", "Rename environment";
    EnvironmentKind = "environment.kind", "Change environment kind";
    EnvironmentLimits = "environment.limits", "Change environment limits";
    EnvironmentRemove = "environment.remove", "Remove environment";
    CountryAdd = "country.add", "Add country";
    CountryRemove = "country.remove", "Remove country";
    ScopeAlias = "scope.alias", "Change alias";
    TenantSecretRotate = "tenant_secret.rotate", "Rotate tenant secrets";
    KeyCreate = "key.create", "Add encryption key";
    KeyRotate = "key.rotate", "Rotate encryption key";
    KeyRotateNow = "key.rotate_now", "Rotate now";
    KeyRotateAutomatic = "key.rotate_automatic", "Automatic rotation";
    KeyRotateDeferred = "key.rotate_deferred", "Automatic rotation postponed";
    KeySettings = "key.settings", "Edit encryption key";
    KeyCredentials = "key.credentials", "Replace credentials";
    KeyCheck = "key.check", "Check encryption key";
    KeyHealth = "key.health", "Encryption key health";
    ApiKeyCreate = "api_key.create", "Create API key";
    ApiKeyRevoke = "api_key.revoke", "Revoke API key";
    JournalDamaged = "journal.damaged", "Set aside damaged journal segment";
    JournalExpired = "journal.expired", "Remove old journal entries";
    AuditExport = "audit.export", "Export audit log";
    ConfirmCode = "change.confirm", "Confirm a change";
    BackupMake = "backup.make", "Make backup";
    BackupRestore = "backup.restore", "Restore backup";
    DatabaseOlder = "database.older", "Database is older";
    DatabaseAccept = "database.accept", "Accept older database";
    DatabaseAdopt = "database.adopt", "Adopt rows of an earlier release";
    TimesCorrect = "database.times_correct", "Correct times of the future";
    DatabaseDamaged = "database.damaged", "Damaged row in the database";
    RootKeyInit = "root_key.init", "Create root key";
    RootKeyRotate = "root_key.rotate", "Rotate root key";
}

/// The part of its cache that the data plane reloads after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    Nothing,
    /// The versions of the scope where the action happened, and nothing else.
    Versions,
    /// API keys, scopes, their aliases and their tenant secrets.
    Everything,
}

impl Action {
    /// Returns the part that the data plane must reload after the action. A refused action changes nothing.
    pub fn moves(self, outcome: Outcome) -> Moves {
        match self {
            _ if outcome == Outcome::Refused => Moves::Nothing,
            Self::KeyCreate | Self::KeyRotate | Self::KeyRotateNow | Self::KeyRotateAutomatic => {
                Moves::Versions
            }
            Self::TimesCorrect
            | Self::ApiKeyCreate
            | Self::ApiKeyRevoke
            | Self::EnvironmentRemove
            | Self::CountryAdd
            | Self::CountryRemove
            | Self::ScopeAlias
            | Self::TenantSecretRotate => Moves::Everything,
            // An environment alone is no scope, and a new name does not change its slug. Credentials are not in this cache: a
            // lease reads them from the database at each release.
            _ => Moves::Nothing,
        }
    }
}

/// The outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    Refused,
}

impl Outcome {
    pub const ALL: [Self; 2] = [Self::Done, Self::Refused];

    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Refused => "Refused",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// A search in the audit log of the portal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Events at this moment and later.
    pub from: Option<DateTime<Utc>>,
    /// Events before this moment.
    pub to: Option<DateTime<Utc>>,
    /// `production/DE`, or `production` for itself and each of its countries; without regard to case. Or the id of one of them.
    pub place: Option<String>,
    /// The number of a version: lines about it alone.
    pub version: Option<u32>,
    /// An e-mail address, without regard to case.
    pub who: Option<String>,
}

/// One line of the audit log as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3, … without gaps.
    pub sequence: i64,
    pub at: DateTime<Utc>,
    /// An e-mail address, "Keystead" (the scheduler), "Command line" or "Not signed in".
    pub who: String,
    pub action: Action,
    /// `production/DE`, `production`, or empty where the event belongs to no scope.
    pub place: String,
    /// The id of that environment or country, or the ids of several in the same order. Another environment may have the same slug
    /// later; it has another id. Empty in lines of releases before November 2026.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place_id: String,
    pub outcome: Outcome,
    /// Details of the action, or the reason of a refusal; may be empty.
    pub detail: String,
    /// The client's address; empty for the scheduler and the command line.
    pub address: String,
}
