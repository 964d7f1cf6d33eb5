//! Errors of the database's driver, sorted into outages, faults of Keystead, and regular answers.

use crate::Error;
use crate::base::error::StoreError;
use sqlx::error::ErrorKind;

/// Tells outages, which pass, from faults of Keystead, which do not. No other place does this.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let is_misfit = is_misfit(&error);
        let source = Box::new(error);
        if is_misfit { StoreError::Schema(source).into() } else { StoreError::Database(source).into() }
    }
}

/// Returns the driver's error behind an outage.
fn outage(error: &Error) -> Option<&sqlx::Error> {
    match error {
        Error::Store(StoreError::Database(source)) => source.downcast_ref(),
        _ => None,
    }
}

/// Checks whether the database aborted a transaction to resolve a conflict: serialization failure
/// (40001) or deadlock (40P01).
pub(super) fn is_conflict(error: &Error) -> bool {
    let Some(error) = outage(error) else { return false };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// Checks whether a failed commit certainly left nothing, because a conflict or a constraint ended the
/// transaction. When PostgreSQL itself cut the connection, that is not certain.
pub(super) fn is_rolled_back(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40") || code.starts_with("23"))
}

/// Checks whether SQLite could not write (SQLITE_READONLY, IOERR, FULL, CANTOPEN). The connections are
/// useless then: when they were opened while the file was read-only, all of the process stay read-only;
/// and after a full disk, SQLite has rolled back a transaction that sqlx still counts as open.
pub(super) fn is_storage_failure(error: &Error) -> bool {
    let Some(error) = outage(error) else { return false };
    matches!(sqlite_code(error), Some(8 | 10 | 13 | 14))
        || matches!(error, sqlx::Error::InvalidSavePointStatement)
}

/// Returns SQLite's primary result code.
pub(super) fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// Checks whether the database answers and the statement is at fault: a constraint forbids the value, a value does not have the
/// type that it is read or written as, or PostgreSQL cannot represent the value. A retry does not help.
fn is_misfit(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            // Class 22 of SQLSTATE: data exceptions. SQLite's codes are shorter numbers.
            let is_data_exception = |code: &str| code.len() == 5 && code.starts_with("22");
            !matches!(error.kind(), ErrorKind::Other)
                || error.code().is_some_and(|code| is_data_exception(&code))
        }
        sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_) => true,
        _ => false,
    }
}

/// Checks whether a statement failed because a unique value exists already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Checks the same for an error that has left this room.
pub(crate) fn was_duplicate(error: &Error) -> bool {
    let source = match error {
        Error::Store(StoreError::Schema(source)) => source.downcast_ref(),
        _ => None,
    };
    source.is_some_and(is_duplicate)
}

/// Checks whether a statement failed because the schema does not exist yet.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    let Some(error) = outage(error) else { return false };
    error.as_database_error().is_some_and(|error| {
        // SQLite reports it as SQLITE_ERROR, like any wrong statement, so only its message tells.
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    })
}
