//! A line of the audit log: the action, whether it was done or refused, and who caused it.

use chrono::{DateTime, Utc};
use domain::audit::event::{Action, Outcome};
use domain::base::id::UserId;

/// The actor who caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Person {
        id: UserId,
        email: String,
        address: String,
    },
    /// A person at the host's command line.
    Host,
    /// Keystead itself: automatic rotations, health of the customers' keys, upkeep of the journal.
    Scheduler,
    /// A browser without a session.
    Stranger {
        address: String,
    },
}

/// Kind in the audit log of an actor who is not signed in.
pub(crate) const STRANGER: &str = "stranger";

/// Name in the audit log of somebody who is not signed in.
pub(crate) const NOT_SIGNED_IN: &str = "Not signed in";

impl Actor {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Host => "host",
            Self::Scheduler => "scheduler",
            Self::Stranger { .. } => STRANGER,
        }
    }

    pub fn id(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns the name that people read.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { email, .. } => email,
            Self::Host => "Command line",
            Self::Scheduler => "Keystead",
            Self::Stranger { .. } => NOT_SIGNED_IN,
        }
    }

    pub fn address(&self) -> &str {
        match self {
            Self::Person { address, .. } | Self::Stranger { address } => address,
            Self::Host | Self::Scheduler => "",
        }
    }
}

/// One line of the audit log before it has its number.
#[must_use = "an event is written by committing with it"]
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub action: Action,
    pub place: String,
    pub outcome: Outcome,
    pub detail: String,
}

impl Entry {
    pub fn done(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self { at, actor, action, place: String::new(), outcome: Outcome::Done, detail: String::new() }
    }

    pub fn refused(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(at, actor, action) }
    }

    /// Sets the place, for example `production/DE`.
    pub fn at_place(mut self, place: impl ToString) -> Self {
        self.place = place.to_string();
        self
    }

    /// Sets the detail: what exactly was done, or why it was refused. It never holds a secret.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}
