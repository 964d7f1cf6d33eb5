//! What a room makes of a command: the sentences before the code, and the deed after it.

use crate::changes::authority::{Authorised, Sensitive};
use crate::{Error, NewSession, Session};
use domain::changes::view::{Preview, Seen};

/// A command with its room. `portal` holds the table of all kinds.
pub trait Change: Sensitive {
    type Room: Send + Sync;

    /// What will happen. It takes nothing but the command, so that it says the same to whoever looks at it.
    fn describe(&self, room: &Self::Room) -> impl Future<Output = Result<Preview, Error>> + Send;

    /// Does it. The session is that of the person who asked.
    fn execute(
        room: &Self::Room,
        proof: Authorised<Self>,
        session: &Session,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// What became of a change.
pub struct Outcome {
    pub seen: Seen,
    /// The status message.
    pub message: Option<String>,
    /// The session that takes the place of the one that asked.
    pub session: Option<NewSession>,
}

impl Outcome {
    pub(crate) fn new(seen: Seen, message: impl Into<String>) -> Self {
        Self { seen, message: Some(message.into()), session: None }
    }

    /// Where it is seen says enough.
    pub(crate) fn silent(seen: Seen) -> Self {
        Self { seen, message: None, session: None }
    }
}
