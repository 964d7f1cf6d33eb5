//! The id of an access key, and the form of a secret access key.

use crate::base::typed::{self, Hidden};
use serde::{Deserialize, Serialize};

/// Number of characters of a secret access key.
const SECRET: usize = 40;

/// The id of an IAM user's access key: `AKIA` and capital letters and digits, 16 of them in AWS's own ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyId(String);

/// The reason why a text is not an access key id. Never repeats the text, because it may be the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyIdRefused {
    #[error("Enter the IAM access key ID. It begins with AKIA.")]
    Missing,
    #[error("This looks like the secret key. The two fields are swapped.")]
    Swapped,
    #[error(
        "These are temporary credentials (ASIA…), which expire within hours. Create an access key for an IAM user. Its ID begins with AKIA."
    )]
    Temporary,
    #[error(
        "This is not an access key ID. An access key ID begins with AKIA and has 20 capital letters and digits."
    )]
    NotAnId,
    #[error("{0}")]
    Hidden(Hidden),
}

/// The reason why a text is not a secret access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretAccessKeyRefused {
    #[error("Enter the IAM secret key.")]
    Missing,
    #[error("This looks like the access key ID. The two fields are swapped.")]
    Swapped,
    #[error("This is not a secret key. A secret key has 40 characters, and this has {0}.")]
    Length(usize),
    #[error("This is not a secret key. A secret key contains only letters, digits, + and /.")]
    Characters,
    #[error("{0}")]
    Hidden(Hidden),
}

impl AccessKeyId {
    /// # Errors
    /// [`AccessKeyIdRefused`] when the text is not an access key id.
    pub fn parse(text: &str) -> Result<Self, AccessKeyIdRefused> {
        typed::read(text, Self::plain, AccessKeyIdRefused::Hidden)
    }

    /// Reads an id without white space around it.
    fn plain(text: &str) -> Result<Self, AccessKeyIdRefused> {
        let is_capital = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        match text {
            "" => Err(AccessKeyIdRefused::Missing),
            _ if is_capital && text.len() >= 16 && text.starts_with("ASIA") => {
                Err(AccessKeyIdRefused::Temporary)
            }
            // AWS's own ids have 20 characters; IAM's grammar allows 16 to 128.
            _ if is_capital && (16..=128).contains(&text.len()) && text.starts_with("AKIA") => {
                Ok(Self(text.to_owned()))
            }
            _ if looks_secret(text) => Err(AccessKeyIdRefused::Swapped),
            _ => Err(AccessKeyIdRefused::NotAnId),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Masks the id: "AKIA…WXYZ".
    pub fn masked(&self) -> String {
        let last = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default();
        format!("{}…{last}", self.0.get(..4).unwrap_or_default())
    }
}

super::as_text!(AccessKeyId, AccessKeyIdRefused);

/// Returns the secret access key in a text.
///
/// # Errors
/// [`SecretAccessKeyRefused`] when the text is not a secret access key.
pub fn secret_access_key(text: &str) -> Result<&str, SecretAccessKeyRefused> {
    typed::read(text, check_secret, SecretAccessKeyRefused::Hidden)?;
    Ok(typed::trimmed(text))
}

fn check_secret(text: &str) -> Result<(), SecretAccessKeyRefused> {
    if text.is_empty() {
        Err(SecretAccessKeyRefused::Missing)
    } else if AccessKeyId::parse(text).is_ok() || text.starts_with("ASIA") && text.len() == 20 {
        // A secret may begin with `ASIA` too, so the length decides: an id of temporary credentials has 20 characters.
        Err(SecretAccessKeyRefused::Swapped)
    } else if !text.bytes().all(is_of_secret) {
        // This comes before the length, because a quote or a space that was copied along also makes the text longer.
        Err(SecretAccessKeyRefused::Characters)
    } else if text.len() != SECRET {
        Err(SecretAccessKeyRefused::Length(text.len()))
    } else {
        Ok(())
    }
}

/// Checks whether a text could be a secret access key.
pub(super) fn looks_secret(text: &str) -> bool {
    text.len() == SECRET && text.bytes().all(is_of_secret)
}

fn is_of_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn id_and_secret_are_told_apart_when_swapped() {
        assert_eq!(AccessKeyId::parse(ID).expect("an id").masked(), "AKIA…MPLE");
        assert_eq!(secret_access_key(SECRET_KEY), Ok(SECRET_KEY));
        assert_eq!(AccessKeyId::parse(SECRET_KEY), Err(AccessKeyIdRefused::Swapped));
        assert_eq!(secret_access_key(ID), Err(SecretAccessKeyRefused::Swapped));
    }

    #[test]
    fn each_mistake_is_named() {
        assert_eq!(AccessKeyId::parse(""), Err(AccessKeyIdRefused::Missing));
        assert_eq!(AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE"), Err(AccessKeyIdRefused::Temporary));
        for text in ["AKIA", "akiaiosfodnn7example", "AIDAIOSFODNN7EXAMPLE", "AKIA１OSFODNN7EXAMPLE"] {
            assert_eq!(AccessKeyId::parse(text), Err(AccessKeyIdRefused::NotAnId), "{text}");
        }
        assert_eq!(secret_access_key(""), Err(SecretAccessKeyRefused::Missing));
        assert_eq!(secret_access_key("abc"), Err(SecretAccessKeyRefused::Length(3)));
        let with_quote = SECRET_KEY.replace('I', "\"");
        assert_eq!(secret_access_key(&with_quote), Err(SecretAccessKeyRefused::Characters));
        assert_eq!(secret_access_key("abc d"), Err(SecretAccessKeyRefused::Length(4)), "what is seen");
    }

    #[test]
    fn what_nobody_sees_is_taken_off_or_named() {
        for blank in ['\t', '\n', '\u{a0}', '\u{200b}', '\u{feff}'] {
            let around = |text: &str| format!("{blank}{text} {blank}");
            assert_eq!(AccessKeyId::parse(&around(ID)).expect("an id").as_str(), ID, "{blank:?}");
            assert_eq!(secret_access_key(&around(SECRET_KEY)), Ok(SECRET_KEY), "{blank:?}");
            assert_eq!(secret_access_key(&around(ID)), Err(SecretAccessKeyRefused::Swapped), "{blank:?}");
            let within = |text: &str| format!("{}{blank}{}", &text[..4], &text[4..]);
            for said in [
                AccessKeyId::parse(&within(ID)).expect_err("it is refused").to_string(),
                secret_access_key(&within(SECRET_KEY)).expect_err("it is refused").to_string(),
            ] {
                assert!(said.starts_with("Character 5 is a"), "{said}");
                assert!(said.ends_with(&format!("(U+{:04X}). Remove it.", u32::from(blank))), "{said}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_refusal_repeats_what_was_typed(text in "[A-Za-z0-9/+]{6,60}") {
            let said = [
                AccessKeyId::parse(&text).err().map(|refused| refused.to_string()),
                secret_access_key(&text).err().map(|refused| refused.to_string()),
            ];
            prop_assert!(said.into_iter().flatten().all(|sentence| !sentence.contains(&text)));
        }

        #[test]
        fn any_id_of_the_grammar_comes_back_as_it_was(text in "AKIA[A-Z0-9]{12,124}") {
            let id = AccessKeyId::parse(&text).expect("an id");
            prop_assert_eq!((id.to_string(), id.masked().chars().count()), (text, 9));
        }

        #[test]
        fn no_text_stops_the_program(text in "(?s).{0,60}") {
            let _ = (AccessKeyId::parse(&text).map(|id| id.masked()), secret_access_key(&text));
        }
    }
}
