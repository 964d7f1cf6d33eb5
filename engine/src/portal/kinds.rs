//! The table of all changes: the command of each kind, and the room that executes it.

use super::Portal;
use crate::base::error::ChangesError;
use crate::changes::authority::{Authorised, Sensitive};
use crate::changes::change::{Change, Outcome};
use crate::changes::prepare::{Opened, Prepared};
use crate::{Error, SecretText, Session};
use chrono::{DateTime, Utc};
use domain::base::id::ChangeId;
use domain::changes::view::Preview;
use domain::custody::command::ReplaceCredentials;
use domain::data::command::RotateTenantSecrets;
use domain::keys::command::{CreateKey, EditKey, RotateKey, SetLimits};
use domain::people::command::{ChangePassword, EndSessions, ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::scopes::command::{SetAlias, SetKind};
use domain::services::command::{CreateApiKey, RevokeApiKey};
use std::any::Any;
use std::pin::Pin;

type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A change of some kind that waits for its code.
pub struct Waiting(Box<dyn Command>);

/// A change of some kind that a code has confirmed.
#[must_use = "the verification code is spent; execute this"]
pub struct Confirmed(Box<dyn Proof>);

trait Command: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn expires_at(&self) -> DateTime<Utc>;
    fn describe<'a>(&'a self, portal: &'a Portal) -> Work<'a, Preview>;
    fn confirm<'a>(
        &'a self,
        portal: &'a Portal,
        who: &'a Session,
        code: &'a SecretText,
    ) -> Work<'a, Confirmed>;
}

trait Proof: Send {
    fn execute<'a>(self: Box<Self>, portal: &'a Portal, who: &'a Session) -> Work<'a, Outcome>;
}

/// A command whose room the portal knows.
trait InPortal: Change {
    fn room(portal: &Portal) -> &Self::Room;
}

impl<C: InPortal> Command for Prepared<C> {
    fn as_any(&self) -> &dyn Any {
        &self.command
    }

    fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    fn describe<'a>(&'a self, portal: &'a Portal) -> Work<'a, Preview> {
        Box::pin(self.command.describe(C::room(portal)))
    }

    fn confirm<'a>(
        &'a self,
        portal: &'a Portal,
        who: &'a Session,
        code: &'a SecretText,
    ) -> Work<'a, Confirmed> {
        Box::pin(async move {
            let proof = portal.changes().confirm(who, self, code).await?;
            Ok(Confirmed(Box::new(proof)))
        })
    }
}

impl<C: InPortal> Proof for Authorised<C> {
    fn execute<'a>(self: Box<Self>, portal: &'a Portal, who: &'a Session) -> Work<'a, Outcome> {
        Box::pin(C::execute(C::room(portal), *self, who))
    }
}

type Read = fn(&Opened) -> Result<Waiting, Error>;

macro_rules! kinds {
    ($($command:ident => $room:ident;)*) => {
        $(impl InPortal for $command {
            fn room(portal: &Portal) -> &Self::Room {
                portal.$room()
            }
        })*

        const KINDS: &[(&str, Read)] = &[$(
            (<$command as Sensitive>::KIND, |opened| Ok(Waiting(Box::new(opened.read::<$command>()?)))),
        )*];
    };
}

kinds! {
    CreateKey => keys;
    RotateKey => keys;
    EditKey => keys;
    SetLimits => keys;
    ReplaceCredentials => custody;
    SetAlias => scopes;
    SetKind => scopes;
    RotateTenantSecrets => secrets;
    CreateApiKey => services;
    RevokeApiKey => services;
    ChangePassword => people;
    EndSessions => people;
    ReplaceAuthenticator => people;
    ReplaceRecoveryCodes => people;
}

impl Waiting {
    pub(crate) fn read(opened: &Opened) -> Result<Self, Error> {
        let kind = KINDS.iter().find(|(kind, _)| *kind == opened.kind);
        // Another release may have kinds that this one does not have.
        let (_, read) = kind.ok_or(Error::Changes(ChangesError::ChangeGone))?;
        read(opened)
    }

    /// Returns the command, if it is of this kind.
    pub fn command<C: Sensitive>(&self) -> Option<&C> {
        self.0.as_any().downcast_ref()
    }

    pub fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at()
    }
}

impl Portal {
    /// Reads and opens a change that waits for its code.
    ///
    /// # Errors
    /// [`ChangesError::ChangeGone`](crate::base::error::ChangesError::ChangeGone) when it is another session's, expired or spent.
    pub async fn waiting(&self, who: &Session, id: ChangeId) -> Result<Waiting, Error> {
        Waiting::read(&self.changes().open(who, id).await?)
    }

    /// Describes what the change will do.
    ///
    /// # Errors
    /// When the database fails, or the object of the change no longer exists.
    pub async fn describe(&self, waiting: &Waiting) -> Result<Preview, Error> {
        waiting.0.describe(self).await
    }

    /// Spends the code, then the change. When the command is refused afterwards, the code stays spent.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`](crate::base::error::ChangesError::WrongCode): the change still waits.
    pub async fn confirm(
        &self,
        who: &Session,
        waiting: &Waiting,
        code: &SecretText,
    ) -> Result<Confirmed, Error> {
        waiting.0.confirm(self, who, code).await
    }

    /// Executes the confirmed change, once.
    ///
    /// # Errors
    /// The reason why the room refuses the change now.
    pub async fn execute(&self, who: &Session, confirmed: Confirmed) -> Result<Outcome, Error> {
        confirmed.0.execute(self, who).await
    }
}

/// Returns all kinds.
#[cfg(feature = "testing")]
pub(crate) fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|(kind, _)| *kind).collect()
}
