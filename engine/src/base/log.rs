//! The program's own log.

use crate::Error;

/// Logs a failure as a warning, for work whose failure must not prevent a page or a result from being shown.
pub(crate) fn or_warn(done: Result<(), Error>, what: &'static str) {
    if let Err(error) = done {
        tracing::warn!(%error, "{what}");
    }
}
