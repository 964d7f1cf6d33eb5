//! Why an item of the data plane was not done.

/// Why an item was not done. Where it does not open, the reason is not told: whoever tries learns nothing from it.
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
}

impl Refused {
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotOpened => "not_opened",
            Self::TooLong => "too_long",
            Self::Unread => "unreadable",
            Self::NotBase64 => "not_base64",
            Self::NotADek => "not_a_data_key",
            Self::NoKey => "no_key",
        }
    }
}
