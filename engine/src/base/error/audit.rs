//! Failures of the journal.

use super::Row;
use domain::data::code::ApiCode;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the journal cannot be written: {0}")]
    Journal(Arc<std::io::Error>),
}

impl AuditError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Journal(_) => Row::busy(
                "The journal cannot be written, so nothing is encrypted or decrypted. Keystead resumes \
                 automatically once it can write the journal. The server's log names the cause.",
            )
            .code(ApiCode::Journal.word()),
        }
    }
}
