//! The proof that a sensitive command may be executed.
//!
//! A function that changes a key or a user takes an [`Authorised`] of its command. Only three sources
//! make one: a confirmed verification code (`changes`), the host's command line, the scheduler.
//! Attempts to bypass it do not compile:
//!
//! ```compile_fail,E0451
//! // Its fields are private.
//! use engine::changes::authority::Authorised;
//! let forged = Authorised { command: (), by: engine::base::entry::Actor::Host, at: chrono::Utc::now() };
//! ```
//! ```compile_fail,E0599
//! // It is spent once: no Clone.
//! fn twice<C: engine::changes::authority::Sensitive>(proof: engine::changes::authority::Authorised<C>) {
//!     let _copy = proof.clone();
//! }
//! ```
//! ```compile_fail,E0277
//! // It cannot be read from outside: no Deserialize.
//! fn readable<T: serde::de::DeserializeOwned>() {}
//! readable::<engine::changes::authority::Authorised<domain::keys::command::RotateKey>>();
//! ```
//! ```compile_fail,E0308
//! // A proof for one command is none for another.
//! async fn spend(portal: engine::Portal, proof: engine::changes::authority::Authorised<domain::keys::command::EditKey>) {
//!     let _ = portal.keys().rotate(proof).await;
//! }
//! ```

use crate::base::entry::{Actor, Entry, Place};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use domain::base::id::UserId;
use domain::custody::command::ReplaceCredentials;
use domain::data::command::RotateTenantSecrets;
use domain::keys::command::{CreateKey, EditKey, RotateKey, SetLimits};
use domain::people::command::{ChangePassword, EndSessions, ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::scopes::command::{SetAlias, SetKind};
use domain::services::command::{CreateApiKey, RevokeApiKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

mod sealed {
    pub trait Sealed {}
}

/// A command that needs a verification code. The list of its implementations is the policy.
pub trait Sensitive: sealed::Sealed + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind under which the command waits in the database.
    const KIND: &'static str;
    const ACTION: Action;
    /// Returns the administrator whose own account the command changes. Nobody else may prepare such a command.
    fn account(&self) -> Option<UserId> {
        None
    }
    /// Returns the action that the audit log names.
    fn action(&self) -> Action {
        Self::ACTION
    }
    /// Returns the place that the audit log names.
    fn place(&self) -> Place {
        Place::default()
    }
    /// Returns the number of the version that the command makes or changes.
    fn version(&self) -> Option<u32> {
        None
    }
}

macro_rules! sensitive {
    ($($command:ident, $action:ident, $($method:ident = $answer:expr, $type:ty),+;)*) => {$(
        impl sealed::Sealed for $command {}
        impl Sensitive for $command {
            const KIND: &'static str = stringify!($command);
            const ACTION: Action = Action::$action;
            $(fn $method(&self) -> $type {
                let answer: fn(&Self) -> $type = $answer;
                answer(self)
            })+
        }
    )*};
}

sensitive! {
    CreateKey, KeyCreate, place = |command| (&command.scope).into(), Place,
        version = |command| Some(command.plan.number), Option<u32>;
    RotateKey, KeyRotate, place = |command| (&command.scope).into(), Place, action = rotation, Action,
        version = |command| Some(command.plan.number), Option<u32>;
    SetLimits, EnvironmentLimits, place = |command| (&command.environment).into(), Place;
    EditKey, KeySettings, place = |command| (&command.scope).into(), Place,
        version = |command| Some(command.number), Option<u32>;
    ReplaceCredentials, KeyCredentials, place = |command| (&command.scope).into(), Place,
        version = |command| Some(command.number), Option<u32>;
    SetAlias, ScopeAlias, place = |command| (&command.scope).into(), Place;
    SetKind, EnvironmentKind, place = |command| (&command.environment).into(), Place;
    RotateTenantSecrets, TenantSecretRotate, place = |command| (&command.scope).into(), Place;
    CreateApiKey, ApiKeyCreate, place = |command| Place::of(&command.grants), Place;
    RevokeApiKey, ApiKeyRevoke, place = |_| Place::default(), Place;
    ChangePassword, PasswordChange, account = |command| Some(command.user), Option<UserId>;
    EndSessions, SessionsEnd, account = |command| Some(command.user), Option<UserId>;
    ReplaceAuthenticator, AuthenticatorReplace, account = |command| Some(command.user), Option<UserId>;
    ReplaceRecoveryCodes, RecoveryCodesReplace, account = |command| Some(command.user), Option<UserId>;
}

/// Returns the action of "Rotate encryption key". One that passes a limit has an action of its own, so that a search finds it.
fn rotation(command: &RotateKey) -> Action {
    match command.reason {
        Some(_) => Action::KeyRotateNow,
        None => Action::KeyRotate,
    }
}

/// A command, the actor who authorised it, and the time. The function that executes the command consumes it.
#[must_use = "the verification code is spent; hand this to the verb"]
pub struct Authorised<C> {
    command: C,
    by: Actor,
    at: DateTime<Utc>,
}

impl<C: Sensitive> Authorised<C> {
    /// Makes the proof of a command that a person confirmed with a code. Only `Changes::confirm` calls it.
    pub(crate) fn confirmed(command: C, by: Actor, at: DateTime<Utc>) -> Self {
        Self { command, by, at }
    }

    /// Makes the proof of a command that was given at the host's command line.
    pub(crate) fn on_host(command: C, at: DateTime<Utc>) -> Self {
        Self { command, by: Actor::Host, at }
    }

    /// Makes the proof of a command that the due date of a key causes. Only the scheduler calls it.
    pub(crate) fn scheduled(command: C, at: DateTime<Utc>) -> Self {
        Self { command, by: Actor::Scheduler, at }
    }

    pub fn command(&self) -> &C {
        &self.command
    }

    pub fn by(&self) -> &Actor {
        &self.by
    }

    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// Returns the audit line of the execution: actor, action and time come from the proof.
    pub fn entry(&self, detail: impl Into<String>) -> Entry {
        Entry::done(self.at, self.by.clone(), self.command.action())
            .at_place(self.command.place())
            .of_version(self.command.version())
            .with(detail)
    }

    /// Returns the audit line of a refusal after the code was spent.
    pub fn refusal(&self, why: impl Into<String>) -> Entry {
        Entry::refused(self.at, self.by.clone(), self.command.action())
            .at_place(self.command.place())
            .with(why)
    }
}
