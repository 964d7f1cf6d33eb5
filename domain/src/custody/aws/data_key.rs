//! The encrypted data key, which KMS calls `CiphertextBlob`, in the forms in which people copy it.

use crate::base::typed;
use data_encoding::{BASE64, BASE64_NOPAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Maximum bytes of a ciphertext that KMS decrypts.
const LONGEST: usize = 6144;
/// Minimum bytes of a KMS ciphertext; that of a 32-byte data key has 184.
const SHORTEST: usize = 60;

/// A data key encrypted by KMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EncryptedDataKey(Vec<u8>);

/// The reason why a text is not an encrypted data key. Never repeats the text, because it may be a plaintext key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptedDataKeyRefused {
    #[error(
        "Enter the encrypted data key: the CiphertextBlob that aws kms generate-data-key-without-plaintext prints."
    )]
    Missing,
    #[error("This is an ARN. The encrypted data key is the long base64 text called CiphertextBlob.")]
    Arn,
    #[error("This is hexadecimal. Enter the base64 text that AWS printed as CiphertextBlob.")]
    Hexadecimal,
    #[error("This is URL-safe base64 (with - or _). Enter the CiphertextBlob as AWS printed it.")]
    UrlSafe,
    #[error("This is not base64. Copy the whole CiphertextBlob, without the quotes.")]
    NotBase64,
    #[error(
        "This is an unencrypted key of {0} bytes. Never paste it anywhere. Generate a new data key with \
         generate-data-key-without-plaintext and enter its CiphertextBlob."
    )]
    Plaintext(usize),
    #[error("This is too short for a KMS ciphertext: it has {0} bytes. Copy the whole CiphertextBlob.")]
    TooShort(usize),
    #[error("This is too long for an encrypted data key: it has {0} bytes. KMS decrypts at most 6144 bytes.")]
    TooLong(usize),
    #[error("This is text, not a KMS ciphertext. Enter the CiphertextBlob as AWS printed it.")]
    Text,
}

impl EncryptedDataKey {
    /// Parses base64 as people copy it: wrapped, in quotes, without its padding.
    ///
    /// # Errors
    /// [`EncryptedDataKeyRefused`] when the text is not an encrypted data key.
    pub fn parse(text: &str) -> Result<Self, EncryptedDataKeyRefused> {
        use EncryptedDataKeyRefused as Refused;
        // The text may be a plaintext key that somebody entered by mistake; `dense` wipes it.
        let bare = typed::dense(text);
        let bare = bare.trim_end_matches(',').trim_matches(['"', '\'']);
        if bare.is_empty() {
            return Err(Refused::Missing);
        }
        if bare.starts_with("arn:") || bare.starts_with("alias/") {
            return Err(Refused::Arn);
        }
        // Hexadecimal digits are base64 too: the decoder would accept them and return other bytes.
        if bare.len() >= 32 && bare.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Refused::Hexadecimal);
        }
        if bare.contains(['-', '_']) && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
        {
            return Err(Refused::UrlSafe);
        }
        // Missing padding leaves only one reading; too much padding, or padding in the middle, does not.
        let unpadded = bare.trim_end_matches('=');
        if bare.len() > unpadded.len().next_multiple_of(4) {
            return Err(Refused::NotBase64);
        }
        let decoded = BASE64_NOPAD.decode(unpadded.as_bytes());
        Self::from_bytes(decoded.map_err(|_| Refused::NotBase64)?)
    }

    /// # Errors
    /// [`EncryptedDataKeyRefused`] when the bytes are not an encrypted data key.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, EncryptedDataKeyRefused> {
        use EncryptedDataKeyRefused as Refused;
        let refused = match bytes.len() {
            // AES keys have these lengths. They come before the range that includes them: the person must learn of the exposure.
            16 | 24 | 32 => Refused::Plaintext(bytes.len()),
            0..SHORTEST => Refused::TooShort(bytes.len()),
            // A ciphertext contains unprintable bytes. Base64 that was encoded twice, for example, contains none.
            SHORTEST..=LONGEST if bytes.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => {
                Refused::Text
            }
            SHORTEST..=LONGEST => return Ok(Self(bytes)),
            _ => Refused::TooLong(bytes.len()),
        };
        bytes.zeroize();
        Err(refused)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }
}

impl TryFrom<String> for EncryptedDataKey {
    type Error = EncryptedDataKeyRefused;
    fn try_from(text: String) -> Result<Self, EncryptedDataKeyRefused> {
        Self::parse(&text)
    }
}

impl From<EncryptedDataKey> for String {
    fn from(key: EncryptedDataKey) -> Self {
        key.to_base64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EncryptedDataKeyRefused as Refused;
    use proptest::prelude::*;

    fn blob(length: usize) -> Vec<u8> {
        [1, 2].into_iter().chain((0..).map(|n: usize| (n * 7) as u8)).take(length).collect()
    }

    #[test]
    fn it_is_read_as_people_copy_it() {
        let whole = BASE64.encode(&blob(184));
        let unpadded = whole.trim_end_matches('=');
        let wrapped =
            whole.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n    ");
        for text in [
            whole.clone(),
            wrapped,
            format!("  \"{whole}\",\n"),
            format!("'{whole}' ,"),
            unpadded.to_owned(),
            format!("{unpadded}="),
        ] {
            assert_eq!(EncryptedDataKey::parse(&text).expect("a key").bytes(), blob(184), "{text}");
        }
    }

    #[test]
    fn each_mistake_is_named() {
        let refused = |text: &str| EncryptedDataKey::parse(text).expect_err("it is refused");
        assert_eq!(refused(" \n"), Refused::Missing);
        assert_eq!(refused("arn:aws:kms:eu-central-1:111122223333:key/x"), Refused::Arn);
        assert_eq!(refused(&"0a".repeat(92)), Refused::Hexadecimal);
        assert_eq!(refused("AQICAHh-_abc"), Refused::UrlSafe);
        assert_eq!(refused("not base64!"), Refused::NotBase64);
        assert_eq!(refused("AQICA=Hh"), Refused::NotBase64);
        let whole = BASE64.encode(&blob(184));
        for text in
            [format!("{whole}="), format!("{whole}{whole}"), format!("{}====", BASE64.encode(&blob(183)))]
        {
            assert_eq!(refused(&text), Refused::NotBase64, "{text}");
        }
        for length in [16, 24] {
            assert_eq!(refused(&BASE64.encode(&blob(length))), Refused::Plaintext(length));
        }
        assert_eq!(refused(&BASE64.encode(&blob(32))), Refused::Plaintext(32));
        assert_eq!(refused(&BASE64.encode(&blob(59))), Refused::TooShort(59));
        assert_eq!(refused(&BASE64.encode(&blob(6145))), Refused::TooLong(6145));
        assert_eq!(refused(&BASE64.encode(&[b'a'; 80])), Refused::Text);
        assert!(EncryptedDataKey::from_bytes(blob(6144)).is_ok());
    }

    proptest! {
        #[test]
        fn no_refusal_repeats_what_was_typed(text in "[A-Za-z0-9/+]{6,70}") {
            let said = EncryptedDataKey::parse(&text).err().map(|refused| refused.to_string());
            prop_assert!(said.is_none_or(|said| !said.contains(&text)));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(key) = EncryptedDataKey::from_bytes(bytes.clone()) {
                prop_assert_eq!(EncryptedDataKey::parse(&key.to_base64()), Ok(key));
            }
        }

        #[test]
        fn no_text_stops_the_program(text in "(?s).{0,300}") {
            let _ = EncryptedDataKey::parse(&text);
        }
    }
}
