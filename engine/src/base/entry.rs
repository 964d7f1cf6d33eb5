//! A line of the audit log: the action, whether it was done or refused, and who caused it.

use chrono::{DateTime, Utc};
use domain::audit::event::{Action, Outcome};
use domain::base::id::{EnvironmentId, ScopeId, UserId};
use domain::scopes::command::{EnvironmentRef, ScopeRef};
use domain::services::api_key::Grant;
use std::fmt::Display;

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

/// Where something happened: the name that people read, and the id of its row. A slug may belong to another environment later; the
/// id never does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub id: String,
}

impl Place {
    pub fn scope(name: impl Display, id: ScopeId) -> Self {
        Self { name: name.to_string(), id: id.to_string() }
    }

    pub fn environment(name: impl Display, id: EnvironmentId) -> Self {
        Self { name: name.to_string(), id: id.to_string() }
    }

    /// Names several places as "production/DE, staging/*", and their ids in the same order.
    pub fn of(grants: &[Grant]) -> Self {
        let join = |texts: Vec<String>| texts.join(", ");
        let id = |grant: &Grant| grant.scope.map_or(grant.environment.to_string(), |scope| scope.to_string());
        Self {
            name: join(grants.iter().map(|grant| grant.reach.to_string()).collect()),
            id: join(grants.iter().map(id).collect()),
        }
    }
}

impl From<&ScopeRef> for Place {
    fn from(scope: &ScopeRef) -> Self {
        Self::scope(&scope.name, scope.id)
    }
}

impl From<&EnvironmentRef> for Place {
    fn from(environment: &EnvironmentRef) -> Self {
        Self::environment(&environment.slug, environment.id)
    }
}

/// One line of the audit log before it has its number.
#[must_use = "an event is written by committing with it"]
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub action: Action,
    pub place: Place,
    pub outcome: Outcome,
    pub detail: String,
    /// The number of the version that the line is about.
    pub version: Option<u32>,
}

impl Entry {
    pub fn done(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self {
            at,
            actor,
            action,
            place: Place::default(),
            outcome: Outcome::Done,
            detail: String::new(),
            version: None,
        }
    }

    pub fn refused(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(at, actor, action) }
    }

    /// Sets the place, for example that of `production/DE`.
    pub fn at_place(mut self, place: impl Into<Place>) -> Self {
        self.place = place.into();
        self
    }

    /// Sets the number of the version that the line is about.
    pub fn of_version(mut self, number: impl Into<Option<u32>>) -> Self {
        self.version = number.into();
        self
    }

    /// Sets the detail: what exactly was done, or why it was refused. It never holds a secret.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}
