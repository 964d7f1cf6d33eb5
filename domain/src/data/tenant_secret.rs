//! Tenant secrets: what the keys of deterministic fields and vectors are derived from (TSP).

use serde::{Deserialize, Serialize};

/// What the derived keys are for, as the clients say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretType {
    Search,
    Deterministic,
    Vector,
}

impl SecretType {
    pub const ALL: [Self; 3] = [Self::Search, Self::Deterministic, Self::Vector];

    /// The word in requests and in the database.
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

/// A step of a rotation. Between the two every secret there was is answered beside the one that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotationStep {
    /// New secrets are made and become current.
    Begin,
    /// Those before them are no longer answered.
    Finish,
}

impl RotationStep {
    /// The word in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Finish => "finish",
        }
    }
}
