//! Failures of sealed values and of the clock.

use super::Row;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("a sealed value does not open: {0}")]
    Sealed(String),
    #[error("the clock is {seconds} s off the database's")]
    ClockOff { seconds: i64 },
    #[error("the database is older than it was")]
    OlderDatabase,
    #[error("a row of the database was not written by Keystead: {0}")]
    Unproved(String),
}

/// Tells a stranger nothing of what is damaged.
pub(super) const DAMAGED: &str = "Something in Keystead's database is damaged or was changed without Keystead, so it is not used. Nothing \
                                  was changed. An operator finds it with \"keystead doctor\" on the host.";

impl VaultError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Sealed(_) | Self::Unproved(_) => Row::damaged(DAMAGED),
            Self::ClockOff { .. } => Row::busy(
                "This server's clock differs too much from the database's. Keystead checks no codes until an operator corrects it.",
            ),
            Self::OlderDatabase => Row::busy(
                "This database is older than one that Keystead saw before, perhaps because a backup was restored. Keystead creates no \
                 versions until an operator has run \"keystead doctor\" on the host.",
            )
            .code("older_database"),
        }
    }
}
