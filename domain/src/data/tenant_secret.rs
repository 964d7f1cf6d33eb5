//! Tenant secrets: secrets from which keys for deterministic fields and vectors are derived (TSP).

use serde::{Deserialize, Serialize};

/// The purpose of the derived keys, in the clients' terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretType {
    Search,
    Deterministic,
    Vector,
}

impl SecretType {
    pub const ALL: [Self; 3] = [Self::Search, Self::Deterministic, Self::Vector];

    /// Returns the word used in requests and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Deterministic => "deterministic",
            Self::Vector => "vector",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// A step of a rotation. Between the two steps, clients get each previous secret together with its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotationStep {
    /// Creates new secrets, which become current.
    Begin,
    /// Stops returning the previous secrets.
    Finish,
}

impl RotationStep {
    /// Returns the word used in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Finish => "finish",
        }
    }
}
