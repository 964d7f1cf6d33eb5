//! The two parts of a command in its room: the description before the code, and the execution after it.

use crate::changes::authority::{Authorised, Sensitive};
use crate::{Error, NewSession, Session};
use domain::changes::view::{Preview, Seen};

/// A command and the room that executes it. `portal` holds the table of all kinds.
pub trait Change: Sensitive {
    type Room: Send + Sync;

    /// Describes what will happen. It depends on the command and not on the session, so that every reader gets the same text.
    fn describe(&self, room: &Self::Room) -> impl Future<Output = Result<Preview, Error>> + Send;

    /// Executes the command. The session is that of the person who asked for it.
    fn execute(
        room: &Self::Room,
        proof: Authorised<Self>,
        session: &Session,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// The result of an executed change.
pub struct Outcome {
    pub seen: Seen,
    /// The status message.
    pub message: Option<String>,
    /// The session that replaces the one that asked.
    pub session: Option<NewSession>,
}

impl Outcome {
    pub(crate) fn new(seen: Seen, message: impl Into<String>) -> Self {
        Self { seen, message: Some(message.into()), session: None }
    }

    /// Makes an outcome without a message, because the page that shows it says enough.
    pub(crate) fn silent(seen: Seen) -> Self {
        Self { seen, message: None, session: None }
    }
}
