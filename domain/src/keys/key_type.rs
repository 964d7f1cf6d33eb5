//! The types of keys, by the party that holds the key.

use serde::{Deserialize, Serialize};

/// The type of a key version: the source of its material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// Material that Keystead generates, sealed at rest.
    Managed,
    /// The customer's data key, encrypted under the customer's AWS KMS key.
    ManualAws,
}

impl KeyType {
    pub const ALL: [Self; 2] = [Self::Managed, Self::ManualAws];

    /// Returns the word used in the database, in forms and in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::ManualAws => "manual_aws",
        }
    }

    /// Returns the label that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Managed => "Managed",
            Self::ManualAws => "Manual: AWS",
        }
    }

    /// Explains in one line which party holds the key.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Managed => "Keystead generates the key, stores it encrypted and rotates it automatically.",
            Self::ManualAws => {
                "The customer's data key, encrypted with a key in their AWS KMS. The customer can revoke access at any time."
            }
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.word() == word)
    }

    /// Checks whether a version of this type counts towards the 100 customer-supplied versions of a scope.
    pub fn is_customer_supplied(self) -> bool {
        match self {
            Self::Managed => false,
            Self::ManualAws => true,
        }
    }
}
