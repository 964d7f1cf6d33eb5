//! The rules for passwords, with their messages (NIST SP 800-63B-4, 3.1.1.2).

use serde::{Deserialize, Serialize};

/// Minimum length of a password in characters after NFC normalisation.
pub const MIN_CHARS: usize = 12;
/// Maximum length of a password in bytes after NFC normalisation.
pub const MAX_BYTES: usize = 1024;

/// The reason why a password cannot be used. The person reads the text beside the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PasswordRefused {
    #[error("Use at least 12 characters. A few unrelated words make a good password.")]
    TooShort,
    #[error("Use at most 1,024 bytes.")]
    TooLong,
    #[error("This password is on lists that attackers try first. Choose another.")]
    Common,
    #[error("Leave your e-mail address and the word Keystead out of the password.")]
    ContainsContext,
    #[error("This password is easy to guess. {0}")]
    Guessable(String),
    #[error("The two passwords are not the same.")]
    Mismatch,
}
