//! The health of a version: whether the customer's KMS still releases its key.

use crate::custody::preflight::FailureCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The result of the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    Healthy,
    /// The customer's KMS refuses to release the key.
    Refused,
    Unreachable,
    /// What Keystead stored of the key does not open, so nobody is asked.
    Damaged,
}

impl HealthState {
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Refused, Self::Unreachable, Self::Damaged];

    /// Returns the word used in the database and in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Damaged => "damaged",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Refused => "Refused",
            Self::Unreachable => "Unreachable",
            Self::Damaged => "Damaged",
        }
    }

    /// Checks whether nothing may be used of the key: every server wipes what it holds.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Refused | Self::Damaged)
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// The health of a version: its state, the time since it holds, and the code of the failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: HealthState,
    pub since: DateTime<Utc>,
    /// `None` when the version is healthy.
    pub code: Option<FailureCode>,
}
