//! A scope's alias: its name for services that used another key management system before.

use crate::base::typed::{self, Hidden};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Maximum length of an alias in characters.
pub const LENGTH: usize = 128;

/// An alias: `[A-Za-z0-9._:@-]{1,128}`. It contains no `/`, so it never equals a scope's own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(String);

impl Alias {
    /// Reads an alias as a person types it.
    ///
    /// # Errors
    /// [`AliasRefused::Grammar`], or [`AliasRefused::Hidden`].
    pub fn typed(text: &str) -> Result<Self, AliasRefused> {
        typed::read(text, str::parse, AliasRefused::Hidden)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reason why a text cannot be the alias. The person reads the message beside the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasRefused {
    #[error("Use 1 to {LENGTH} letters (a to z, A to Z), digits, or the characters . _ : @ -")]
    Grammar,
    #[error(
        "Another country already has the alias \"{0}\". Clear it there first, or choose a different alias."
    )]
    Taken(Alias),
    #[error("This is already the alias. Enter a different one, or clear the field.")]
    Unchanged,
    #[error("Enter an alias.")]
    None,
    #[error("{0}")]
    Hidden(Hidden),
}

impl TryFrom<String> for Alias {
    type Error = AliasRefused;
    fn try_from(text: String) -> Result<Self, AliasRefused> {
        let good = (1..=LENGTH).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:@-".contains(&b));
        if good { Ok(Self(text)) } else { Err(AliasRefused::Grammar) }
    }
}

impl std::str::FromStr for Alias {
    type Err = AliasRefused;
    /// Reads an alias as a program sends it: exactly.
    fn from_str(text: &str) -> Result<Self, AliasRefused> {
        text.to_owned().try_into()
    }
}

impl From<Alias> for String {
    fn from(alias: Alias) -> Self {
        alias.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aliases_of_the_grammar_are_accepted() {
        for good in ["a", "tenant-gcp-l", "acme@example.com", "urn:acme:1", "A_b.9", &"x".repeat(128)] {
            assert_eq!(good.parse::<Alias>().expect("an alias").as_str(), good);
        }
        for typed in ["acme\n", "\u{a0}acme\t", "\u{200b}acme\u{feff}"] {
            assert_eq!(Alias::typed(typed).expect("an alias").as_str(), "acme", "{typed:?}");
            assert!(typed.parse::<Alias>().is_err(), "what a program sends is not corrected");
        }
        let said = Alias::typed("a\u{200b}b").expect_err("it is refused").to_string();
        assert_eq!(said, "Character 2 is a zero-width space (U+200B). Remove it.");
        for bad in ["", " ", "a b", "a\n", "production/DE", "ä", "a,b", "%41", &"x".repeat(129)] {
            assert_eq!(bad.parse::<Alias>(), Err(AliasRefused::Grammar), "{bad:?}");
        }
    }
}
