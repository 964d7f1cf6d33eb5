//! A change that waits for its code.

use crate::custody::preflight::Report;
use crate::scopes::scope::ScopeName;

/// What will happen, made of the stored command alone: the same for whoever looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The name of the change.
    pub heading: &'static str,
    /// The word on the button that acts.
    pub verb: &'static str,
    pub about: About,
    /// What will happen, in sentences.
    pub effects: Vec<String>,
    /// Something the person should weigh before going on.
    pub warning: Option<String>,
    /// What the customer's KMS was found to do, where it was asked.
    pub report: Option<Report>,
    /// The least-privilege policy for the key it is about.
    pub policy: Option<String>,
}

impl Preview {
    /// A change of which there is nothing to say but what will happen.
    pub fn new(heading: &'static str, verb: &'static str, about: About, effects: Vec<String>) -> Self {
        Self { heading, verb, about, effects, warning: None, report: None, policy: None }
    }
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Scope {
        name: ScopeName,
        environment_name: String,
    },
    Account {
        email: String,
    },
    /// What may be seen of an API key: its name, and the beginning of one that is there already.
    ApiKey {
        name: String,
    },
}

impl About {
    pub fn text(&self) -> String {
        match self {
            Self::Scope { name, environment_name } => format!("{} · {environment_name}", name.country.name()),
            Self::Account { email: text } | Self::ApiKey { name: text } => text.clone(),
        }
    }
}

/// Where the result of a change is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The list of a scope's versions; a new one is marked there.
    Keys {
        scope: ScopeName,
        new: Option<u32>,
    },
    Version {
        scope: ScopeName,
        number: u32,
    },
    ApiKeys,
    /// The key that was made, once.
    NewApiKey,
    Profile,
    /// The page that sets up another authenticator.
    Enrolment,
    /// The codes that were made, once.
    RecoveryCodes,
}
