//! The vendors whose KMS can hold a customer's key.

use serde::{Deserialize, Serialize};

/// A vendor whose KMS can hold a customer's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// AWS KMS: the customer's data key, encrypted under a customer managed key.
    Aws,
}

impl Vendor {
    pub const ALL: [Self; 1] = [Self::Aws];

    /// Returns the word used in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.word() == word)
    }
}
