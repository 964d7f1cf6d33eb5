//! Reasons why the data plane refuses an item of a request.

use crate::base::error::Row;

/// The reason why an item was refused. When an item does not open, the variant does not tell why, so that an attacker learns
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("This is nothing that Keystead encrypted.")]
    Malformed,
    #[error("This does not open here: it was changed, belongs to another scope, or needs another context.")]
    NotOpened,
    #[error("Encrypt at most 65536 bytes directly; wrap a data key for more.")]
    TooLong,
    #[error("This is not standard base64 (RFC 4648, with padding).")]
    NotBase64,
    #[error("The request could not be read.")]
    Unread,
    #[error("A data key has exactly 32 bytes.")]
    NotADek,
    #[error("This scope has no encryption key yet.")]
    NoKey,
    #[error("This scope has {limit} secret paths, and there cannot be more.")]
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
            Self::NotBase64 => Row::invalid(message).code("not_base64"),
            Self::NotADek => Row::invalid(message).code("not_a_data_key"),
            Self::NoKey => Row::conflict(message).code("no_key"),
            Self::TooManySecrets { .. } => Row::conflict(message),
        }
    }

    /// Returns the one-word code for programs.
    pub fn word(self) -> &'static str {
        self.row().code
    }
}
