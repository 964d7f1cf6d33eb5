//! The rule that decides which typed values a form may show again: never one that could hold a secret, in any field.

use crate::base::typed;
use crate::custody::aws::{AccessKeyId, EncryptedDataKey, KeyArn, Region};

/// Maximum length of a base64 run in a mistyped value that may be shown. An access key id has this length; a secret key and
/// a plaintext key are longer.
const LONGEST_RUN: usize = 20;
/// Number of characters of a secret access key.
const SECRET: usize = 40;

/// A field that a form shows again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownField {
    Region,
    EncryptedKey,
    CmkArn,
    AccessKeyId,
}

impl ShownField {
    /// Checks whether the text may be shown in this field: it is a valid value, or too short to hold a secret. In the field of
    /// the encrypted key, secrets and values look alike, so only a valid value may be shown.
    pub fn may_show(self, text: &str) -> bool {
        match self {
            Self::Region => Region::parse(text).is_ok() || !may_hold_secret(text),
            Self::CmkArn => KeyArn::parse(text).is_ok() || !may_hold_secret(text),
            Self::AccessKeyId => AccessKeyId::parse(text).is_ok() || !may_hold_secret(text),
            Self::EncryptedKey => {
                typed::is_blank_text(text)
                    || EncryptedDataKey::parse(text).is_ok() && !has_word_like_secret(text)
            }
        }
    }
}

/// Checks whether a text may hold a secret. Ignores white space, because a wrapped secret is still a secret.
fn may_hold_secret(text: &str) -> bool {
    let dense = typed::dense(text);
    // Colons and hyphens end a run, so that a mistyped ARN with a UUID may be shown.
    dense.split(|c: char| !(c.is_ascii_alphanumeric() || "+/".contains(c))).any(|run| run.len() > LONGEST_RUN)
}

/// Checks for a word as long as a secret. After a ciphertext without padding, a secret would be read as its last line.
fn has_word_like_secret(text: &str) -> bool {
    text.split(typed::is_blank).any(|word| word.len() == SECRET && !word.ends_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ShownField::{AccessKeyId as Id, CmkArn, EncryptedKey, Region as Place};
    use data_encoding::BASE64;
    use proptest::prelude::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn what_belongs_there_and_what_is_mistyped_is_shown() {
        for (field, text) in [
            (Place, "eu-central-1"),
            (Place, "eu central 1"),
            (Place, ""),
            (CmkArn, ARN),
            (CmkArn, "arn:aws:kms:eu-central-1:111122223333:alias/customer"),
            (CmkArn, "1234abcd-12ab-34cd-56ef-1234567890ab"),
            (Id, ID),
            (Id, "AKIA IOSF ODNN"),
            (EncryptedKey, ""),
        ] {
            assert!(field.may_show(text), "{field:?} {text}");
        }
        assert!(EncryptedKey.may_show(&BASE64.encode(&[200; 184])));
    }

    #[test]
    fn a_plaintext_key_in_any_spelling_is_shown_nowhere() {
        let (hex, base64) = ("0a".repeat(32), BASE64.encode(&[200; 32]));
        for text in
            [hex.clone(), hex[..32].to_owned(), base64.clone(), format!("{{\"Plaintext\": \"{base64}\"}}")]
        {
            assert!([Place, CmkArn, Id, EncryptedKey].iter().all(|field| !field.may_show(&text)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_field_shows_a_secret_whatever_stands_around_it(
            before in prop::sample::select(vec![
                "", "\"", "aws_secret_access_key = ", "aws_secret_access_key=", "eu-central-1 ", ARN, "AKIAIOSFODNN7EXAMPLE:",
                "AKIAIOSFODNN7EXAMPLE,", "[x]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=", "\\n",
            ]),
            secret in "[A-Za-z0-9+/]{40}",
            after in prop::sample::select(vec!["", "\"", ",", "\n", " eu-central-1", "\\n", "\nregion=eu-west-1"]),
        ) {
            for field in [Place, CmkArn, Id, EncryptedKey] {
                prop_assert!(!field.may_show(&format!("{before}{secret}{after}")), "{:?}", field);
            }
            let (start, end) = secret.split_at(17);
            prop_assert!(!Place.may_show(&format!("{start}\n{end}")), "wrapped");
        }

        #[test]
        fn a_secret_below_a_ciphertext_is_not_shown_with_it(
            bytes in prop::collection::vec(any::<u8>(), 100..200), secret in "[A-Za-z0-9+/]{40}",
        ) {
            let blob = BASE64.encode(&bytes);
            for blob in [blob.as_str(), blob.trim_end_matches('=')] {
                let text = format!("{blob}\n{secret}");
                prop_assert!(!EncryptedKey.may_show(&text), "{}", text);
            }
        }
    }

    #[test]
    fn a_swapped_secret_is_not_shown() {
        assert!(!Id.may_show(SECRET_KEY));
    }
}
