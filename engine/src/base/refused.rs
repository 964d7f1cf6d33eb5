//! Reasons why the data plane refuses an item of a request.

use crate::base::error::Row;
use domain::data::base64::NotBase64;
use domain::data::code::ApiCode;

/// The reason why an item was refused. When an item does not open, the variant does not tell why, so that an attacker learns
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "Cannot decrypt: this is not a value that Keystead encrypted. Send it exactly as you received it."
    )]
    Malformed,
    #[error("Cannot decrypt: the value was changed, belongs to another scope, or needs a different context.")]
    NotOpened,
    #[error("The data is larger than 64 KiB (65536 bytes). Wrap a data key and encrypt larger data with it.")]
    TooLong,
    #[error("{0}")]
    NotBase64(NotBase64),
    /// With the code that the API answers.
    #[error("The request could not be read.")]
    Unread(ApiCode),
    #[error("A data key must have exactly 32 bytes.")]
    NotADek,
    #[error(
        "A data key must have exactly 32 bytes. This one is written in hexadecimal: send the same bytes in base64."
    )]
    HexadecimalDek,
    #[error("This scope has no encryption key yet.")]
    NoKey,
    #[error("This scope has {limit} secret paths, which is the maximum.")]
    TooManySecrets { limit: i64 },
}

impl Refused {
    pub(crate) fn row(self) -> Row {
        let message = self.to_string();
        let row = match self {
            Self::NoKey | Self::TooManySecrets { .. } => Row::conflict(message),
            _ => Row::invalid(message),
        };
        row.code(self.code().word())
    }

    fn code(self) -> ApiCode {
        match self {
            Self::Malformed => ApiCode::Malformed,
            Self::NotOpened => ApiCode::NotOpened,
            Self::TooLong => ApiCode::TooLong,
            Self::Unread(code) => code,
            Self::NotBase64(_) => ApiCode::NotBase64,
            Self::NotADek | Self::HexadecimalDek => ApiCode::NotADataKey,
            Self::NoKey => ApiCode::NoKey,
            Self::TooManySecrets { .. } => ApiCode::TooManySecrets,
        }
    }

    /// Returns the one-word code for programs.
    pub fn word(self) -> &'static str {
        self.row().code
    }
}
