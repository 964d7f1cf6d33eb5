//! Reasons why the data plane refuses an item of a request.

use crate::base::error::Row;
use domain::data::base64::NotBase64;

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
    #[error("The request could not be read.")]
    Unread,
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
        match self {
            Self::Malformed => Row::invalid(message).code("malformed"),
            Self::NotOpened => Row::invalid(message).code("not_opened"),
            Self::TooLong => Row::invalid(message).code("too_long"),
            Self::Unread => Row::invalid(message).code("unreadable"),
            Self::NotBase64(_) => Row::invalid(message).code("not_base64"),
            Self::NotADek | Self::HexadecimalDek => Row::invalid(message).code("not_a_data_key"),
            Self::NoKey => Row::conflict(message).code("no_key"),
            Self::TooManySecrets { .. } => Row::conflict(message),
        }
    }

    /// Returns the one-word code for programs.
    pub fn word(self) -> &'static str {
        self.row().code
    }
}
