//! Failures of the database.

use super::Row;

/// The error of the database's driver.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("a column cannot be read: {table}.{column} of {id}")]
    Corrupt { table: &'static str, column: &'static str, id: String },
    #[error("database: {0}")]
    Database(Source),
    #[error("a statement does not fit the database's schema: {0}")]
    Schema(Source),
    #[error("the connection broke during a commit, which may or may not have happened: {0}")]
    Unsure(Source),
}

impl StoreError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Corrupt { .. } => Row::damaged(super::vault::DAMAGED),
            Self::Schema(_) => Row::internal(),
            Self::Database(_) => Row::busy(
                "The database cannot be reached or refused to write. Nothing was changed; try again in a moment.",
            ),
            Self::Unsure(_) => Row::busy(
                "The connection to the database broke during this change. The change was saved completely or not at all. \
                 Check which before you try again.",
            ),
        }
    }
}
