//! Why a person passes a limit, in their own words.

use crate::base::typed::{self, Hidden};
use crate::scopes::scope::is_unprintable;
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Maximum number of characters of a reason.
pub const REASON_MAX: usize = 200;

/// A line of text that the audit log keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason(String);

/// The reason why a text cannot be used. The person reads it beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonRefused {
    #[error("Enter a reason. Keystead records it in the audit log.")]
    Empty,
    #[error("Use at most {REASON_MAX} characters.")]
    TooLong,
    #[error("{0}")]
    Hidden(Hidden),
}

impl Reason {
    /// Reads a reason as a person typed it: 1 to [`REASON_MAX`] characters without what nobody sees at the ends, none of them
    /// unprintable.
    ///
    /// # Errors
    /// [`ReasonRefused`].
    pub fn typed(text: &str) -> Result<Self, ReasonRefused> {
        let typed = typed::trimmed(text);
        let text: String = typed.nfc().collect();
        // A mark alone, without a letter that it belongs to, says nothing.
        if text.chars().all(is_combining_mark) {
            return Err(ReasonRefused::Empty);
        }
        if text.chars().count() > REASON_MAX {
            return Err(ReasonRefused::TooLong);
        }
        match Hidden::first(typed, is_unprintable) {
            Some(hidden) => Err(ReasonRefused::Hidden(hidden)),
            None => Ok(Self(text)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_people_can_read() {
        let read = |text: &str| Reason::typed(text).map(|reason| reason.to_string());
        assert_eq!(
            read(" A laptop was stolen; ticket 17.\u{a0}"),
            Ok("A laptop was stolen; ticket 17.".into())
        );
        assert_eq!(read(&"ä".repeat(200)), Ok("ä".repeat(200)));
        assert_eq!(read(&"ä".repeat(201)), Err(ReasonRefused::TooLong));
        for blank in ["", "  ", "\u{200b}\u{a0}", "\u{301}", "\u{301}\u{308}"] {
            assert_eq!(read(blank), Err(ReasonRefused::Empty), "{blank:?}");
        }
        for hidden in ["a\nb", "a\0b", "a\u{202e}b", "a\u{200b}b"] {
            assert!(matches!(read(hidden), Err(ReasonRefused::Hidden(_))), "{hidden:?}");
        }
    }
}
