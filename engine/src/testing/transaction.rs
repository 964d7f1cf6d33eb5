//! A story's own transactions, to test what the database does when several conflict.

use crate::Error;
use crate::store::{Db, Lock, Tx};
use domain::scopes::scope::ScopeName;

/// Runs a writing transaction of a story, and retries it after a conflict, as for every use case.
///
/// # Errors
/// As for the use cases: the error of `run`, or that of the database.
pub async fn write<T, F>(db: &Db, run: impl Fn(Tx) -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    db.write(run).await
}

/// # Errors
/// [`Error::NotFound`] when the row is gone.
pub async fn lock(tx: &mut Tx, what: Lock) -> Result<(), Error> {
    tx.lock(what).await
}

/// # Errors
/// When the database ends the transaction.
pub async fn canary(tx: &mut Tx) -> Result<Vec<u8>, Error> {
    Ok(tx.instance().get().await?.canary)
}

/// # Errors
/// When the database ends the transaction.
pub async fn set_canary(tx: &mut Tx, canary: &[u8]) -> Result<(), Error> {
    tx.instance().set_canary(canary).await
}

/// # Errors
/// When the database ends the transaction.
pub async fn commit(tx: Tx) -> Result<(), Error> {
    tx.commit_unaudited("a test looks how it goes").await
}

/// Returns the lock of a country's row.
///
/// # Errors
/// [`Error::NotFound`] when there is no such country.
pub async fn lock_of(db: &Db, name: &ScopeName) -> Result<Lock, Error> {
    Ok(Lock::Scope(db.scopes().named(name).await?.scope.unproved().id))
}
