//! The program's own log.

use crate::Error;

/// For what must not keep a page from being read, or a result from being told.
pub(crate) fn or_warn(done: Result<(), Error>, what: &'static str) {
    if let Err(error) = done {
        tracing::warn!(%error, what);
    }
}
