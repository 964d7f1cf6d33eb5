//! The session of a request, its stage, and its client.

use crate::base::email;
use crate::base::entry::Actor;
use crate::base::error::ChangesError;
use crate::base::network::Network;
use crate::base::shares::Holder;
use crate::changes::device::Devices;
use crate::{Error, SecretText};
use chrono::{DateTime, Utc};
use domain::base::id::{SessionId, UserId};
use domain::overview::frame::Unsaved;

/// The client that sent a request: its network address, its user agent, the persons who have signed in with it, and whether another
/// site made it ask.
#[derive(Clone, Debug, Default)]
pub struct Client {
    pub address: String,
    pub agent: String,
    pub devices: Devices,
    /// Another site led the browser here. Such a request only looks: it neither renews the session nor takes what is shown once.
    pub only_looks: bool,
    /// The address is evidently that of a proxy, so several persons may have it.
    pub is_shared: bool,
}

impl Client {
    /// Returns the holder of what this client uses while nobody knows who it is.
    pub fn holder(&self) -> Holder {
        Holder::stranger(Network::of_text(&self.address))
    }
}

/// The stage that a session has reached. Each stage gives access to its own pages and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The setup token was right.
    Setup,
    /// The password was right; the code is still missing.
    Password,
    /// A recovery code was right; a new authenticator must be set up.
    Enrolment,
    /// Signed in.
    Full,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Setup, Self::Password, Self::Enrolment, Self::Full];

    /// Returns the word used in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Password => "password",
            Self::Enrolment => "enrolment",
            Self::Full => "full",
        }
    }
}

/// When a session ends.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// If it is not used until then.
    pub idle: DateTime<Utc>,
    /// Used or not.
    pub absolute: DateTime<Utc>,
}

/// A live session.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub stage: Stage,
    /// Empty during setup only.
    pub email: String,
    pub from: Client,
    /// A status message waited for the next page when the session was looked up.
    pub has_message: bool,
    /// The secrets that waited to be saved then.
    pub unsaved: Unsaved,
    pub ends: Ends,
    pub(crate) user: Option<UserId>,
}

impl Session {
    /// Returns the administrator that the session belongs to.
    ///
    /// # Errors
    /// [`ChangesError::SignedOut`] during setup, when there is no administrator yet.
    pub fn user(&self) -> Result<UserId, Error> {
        self.user.ok_or(Error::Changes(ChangesError::SignedOut))
    }

    /// Checks whether it belongs to the administrator of a name, in any spelling.
    pub fn is_of(&self, name: &str) -> bool {
        email::checked_length(name).is_ok_and(|name| email::normalise(name) == email::normalise(&self.email))
    }

    /// Returns the holder of what this session uses.
    pub fn holder(&self) -> Holder {
        let person = self.user.filter(|_| self.stage == Stage::Full);
        person.map_or_else(|| self.from.holder(), Holder::Person)
    }

    /// Returns the actor that the audit log names.
    pub fn actor(&self) -> Actor {
        match self.user {
            Some(id) => Actor::Person { id, email: self.email.clone(), address: self.from.address.clone() },
            None => Actor::Stranger { address: self.from.address.clone() },
        }
    }

    /// # Errors
    /// [`ChangesError::SignedOut`] when the session is at another stage.
    pub(crate) fn require(&self, stage: Stage) -> Result<(), Error> {
        if self.stage == stage { Ok(()) } else { Err(Error::Changes(ChangesError::SignedOut)) }
    }
}

/// A session just made, with the token that goes into the cookie and nowhere else.
pub struct NewSession {
    pub token: SecretText,
    /// The device cookie, when somebody has signed in.
    pub device: Option<SecretText>,
    pub session: Session,
}
