//! A change that waits for its verification code.

use crate::custody::preflight::Report;
use crate::scopes::scope::{ScopeName, Slug};

/// A description of a change's effects, derived from the stored command alone, so that every viewer sees the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The name of the change.
    pub heading: &'static str,
    /// The word on the button that executes the change.
    pub verb: &'static str,
    pub about: About,
    /// The effects of the change, one sentence each.
    pub effects: Vec<String>,
    /// A risk that the administrator should consider before confirming.
    pub warning: Option<String>,
    /// The result of the pre-flight, when the customer's KMS was called.
    pub report: Option<Report>,
    /// The least-privilege policy for the key that the change is about.
    pub policy: Option<String>,
}

impl Preview {
    /// Makes a preview that has no warning, no pre-flight report and no policy.
    pub fn new(heading: &'static str, verb: &'static str, about: About, effects: Vec<String>) -> Self {
        Self { heading, verb, about, effects, warning: None, report: None, policy: None }
    }
}

/// The subject of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Scope {
        name: ScopeName,
        environment_name: String,
    },
    Environment {
        name: String,
        slug: Slug,
    },
    Account {
        email: String,
    },
    /// The public part of an API key: its name and, when the key exists already, the visible beginning of the key.
    ApiKey {
        name: String,
    },
}

impl About {
    pub fn text(&self) -> String {
        match self {
            Self::Scope { name, environment_name } => format!("{} · {environment_name}", name.country.name()),
            Self::Environment { name: text, .. }
            | Self::Account { email: text }
            | Self::ApiKey { name: text } => text.clone(),
        }
    }
}

/// The page that shows the result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The list of a scope's versions, with the new version marked.
    Keys {
        scope: ScopeName,
        new: Option<u32>,
    },
    Version {
        scope: ScopeName,
        number: u32,
    },
    Environment(Slug),
    ApiKeys,
    /// The key that was created, shown once.
    NewApiKey,
    Profile,
    /// The page that sets up another authenticator.
    Enrolment,
    /// The codes that were created, shown once.
    RecoveryCodes,
}
