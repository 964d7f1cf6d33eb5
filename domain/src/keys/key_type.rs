//! The types of keys: who holds what.

use serde::{Deserialize, Serialize};

/// Where the material of a version comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// Material generated here, sealed at rest.
    Managed,
    /// The customer's data key, encrypted under the customer's AWS KMS key.
    ManualAws,
}

impl KeyType {
    pub const ALL: [Self; 2] = [Self::Managed, Self::ManualAws];

    /// The word used in the database, in forms and in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::ManualAws => "manual_aws",
        }
    }

    /// The label of PRODUCT.md 1.
    pub fn label(self) -> &'static str {
        match self {
            Self::Managed => "Managed",
            Self::ManualAws => "Manual: AWS",
        }
    }

    /// Who holds what, in one line.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Managed => "Keystead generates the key, keeps it sealed and rotates it by itself.",
            Self::ManualAws => {
                "The customer's data key, encrypted under a key in their AWS KMS. They can take it away at any time."
            }
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.word() == word)
    }

    /// Counts towards the 100 customer-supplied versions of a scope.
    pub fn is_customer_supplied(self) -> bool {
        match self {
            Self::Managed => false,
            Self::ManualAws => true,
        }
    }
}
