//! The types of keys, by the party that holds the key.

use crate::custody::vendor::Vendor;
use serde::{Deserialize, Serialize};

/// The type of a key version: the source of its material, and the party that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// Material that Keystead generates, sealed at rest.
    Managed,
    /// Material that the customer brings, sealed at rest.
    Imported,
    /// A key that only the customer's KMS can release. It may refuse at any time.
    CustomerHeld(Vendor),
}

impl KeyType {
    pub const ALL: [Self; 3] = [Self::Managed, Self::Imported, Self::CustomerHeld(Vendor::Aws)];

    /// The types that "Add encryption key" offers.
    // `Imported` is missing, because no command creates such a version yet.
    pub const OFFERED: [Self; 2] = [Self::Managed, Self::CustomerHeld(Vendor::Aws)];

    /// Returns the word used in the database, in forms, in the API and in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Imported => "imported",
            Self::CustomerHeld(Vendor::Aws) => "manual_aws",
        }
    }

    /// Returns the label that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Managed => "Managed",
            Self::Imported => "Manual: Imported",
            Self::CustomerHeld(Vendor::Aws) => "Manual: AWS",
        }
    }

    /// Explains in one line which party holds the key.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Managed => "Keystead generates the key, stores it encrypted and rotates it automatically.",
            Self::Imported => "The customer's own key material. Keystead stores it encrypted.",
            Self::CustomerHeld(Vendor::Aws) => {
                "The customer's data key, encrypted with a key in their AWS KMS. The customer can revoke access at any time."
            }
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.word() == word)
    }

    /// Checks whether a version of this type counts towards the 100 customer-supplied versions of a scope.
    pub fn is_customer_supplied(self) -> bool {
        self != Self::Managed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_has_a_type_and_every_word_reads_back() {
        for vendor in Vendor::ALL {
            assert!(KeyType::ALL.contains(&KeyType::CustomerHeld(vendor)));
            assert_eq!(Vendor::from_word(vendor.word()), Some(vendor));
        }
        for key_type in KeyType::ALL {
            assert_eq!(KeyType::from_word(key_type.word()), Some(key_type));
        }
        assert!(KeyType::OFFERED.iter().all(|offered| KeyType::ALL.contains(offered)));
    }
}
