//! Failures of sealed values and of the clock.

use super::Row;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("a sealed value does not open: {0}")]
    Sealed(String),
    #[error("the clock is {seconds} s off the database's")]
    ClockOff { seconds: i64 },
}

impl VaultError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Sealed(_) => Row::internal(),
            Self::ClockOff { .. } => Row::busy(
                "This server's clock differs too much from the database's. Keystead checks no codes until an operator corrects it.",
            ),
        }
    }
}
