//! The migrations of both databases.

use super::driver::{is_missing_table, sqlite_code};
use super::{Db, Pooler, begin_postgres, on};
use crate::Error;
use sqlx::migrate::MigrateError;
use sqlx::{ConnectOptions, Connection, PgPool, Postgres, SqliteConnection, SqlitePool, Transaction};
use std::time::Duration;

/// Returns the number of the newest schema that this release knows.
pub(crate) fn newest() -> i64 {
    sqlx_macros::migrate!("../migrations/sqlite")
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Returns the number of a database's schema (0 without tables), and the number that this release needs.
///
/// # Errors
/// When the database fails.
pub async fn schema(db: &Db) -> Result<(i64, i64), Error> {
    const SQL: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    match on!(db, pool => sqlx::query_scalar(SQL).fetch_one(pool).await).map_err(Error::from) {
        Err(error) if is_missing_table(&error) => Ok((0, newest())),
        number => Ok((number?, newest())),
    }
}

/// Returns the sentence for a migration that failed.
pub(super) fn failed(error: &MigrateError) -> Error {
    Error::Fault(match error {
        MigrateError::VersionMissing(found) => newer_schema(*found),
        MigrateError::VersionMismatch(number) => format!(
            "Migration {number} of this database is not the one of this release. Start the release that made the database, or \
             restore the copy from before the upgrade."
        ),
        error => format!("The database's schema cannot be brought up to date: {error}."),
    })
}

/// Returns the sentence for a database of a newer release.
pub(crate) fn newer_schema(found: i64) -> String {
    let known = newest();
    format!(
        "This database was made by a newer Keystead (schema {found}; this release knows {known}). Start that release, or restore the \
         backup from before the upgrade."
    )
}

/// Runs all migrations in one transaction, under a lock that ends with it. It therefore also works
/// behind a pooler, and never leaves a schema half-way.
pub(super) async fn postgres(pool: &PgPool, pooler: Pooler) -> Result<(), MigrateError> {
    let mut transaction = begin_postgres(pool, pooler).await?;
    postgres_within(&mut transaction, None).await?;
    transaction.commit().await?;
    Ok(())
}

/// Runs the migrations up to the schema `to`, or all.
pub(super) async fn postgres_within(
    transaction: &mut Transaction<'static, Postgres>,
    to: Option<i64>,
) -> Result<(), MigrateError> {
    // Zero waits without limit, because another server's migration may take longer than the usual five seconds.
    const PATIENCE: &str = "SET LOCAL lock_timeout = 0";
    const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('keystead migration'))";
    let mut migrations = sqlx_macros::migrate!("../migrations/postgres");
    // The library's lock belongs to the session, which a transaction pooler does not keep. `LOCK` takes its place.
    migrations.set_locking(false);
    sqlx::query(PATIENCE).execute(&mut **transaction).await?;
    sqlx::query(LOCK).execute(&mut **transaction).await?;
    migrations.run_direct(to, &mut **transaction, false).await
}

/// Runs all migrations in one transaction, on a connection of their own without foreign keys: SQLite cannot change a constraint,
/// so a migration creates a table again while others refer to it. Before the commit, all references are checked.
pub(super) async fn sqlite(pool: &SqlitePool, to: Option<i64>) -> Result<(), MigrateError> {
    // A migration of many rows takes longer than a second. The log of slow statements would quote all of it.
    let options = pool.connect_options().as_ref().clone().foreign_keys(false).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    // SQLite waits five seconds for the lock of another process. A long migration takes several such waits.
    for _ in 0..10 {
        match sqlite_once(&mut connection, to).await {
            Err(MigrateError::Execute(error)) if sqlite_code(&error) == Some(5) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
    sqlite_once(&mut connection, to).await
}

async fn sqlite_once(connection: &mut SqliteConnection, to: Option<i64>) -> Result<(), MigrateError> {
    let migrations = sqlx_macros::migrate!("../migrations/sqlite");
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done = applied(&mut transaction).await?;
    let is_due = done < migrations.iter().count();
    if is_due && done > 0 {
        tracing::info!(
            "the database schema is being updated; with a large audit log this takes some minutes"
        );
    }
    migrations.run_direct(to, &mut *transaction, false).await?;
    // The check reads every table with references, so a start without a migration does not make it.
    if is_due {
        let broken = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *transaction).await?;
        if broken.is_some() {
            return Err(MigrateError::Source("a row refers to a row that does not exist".into()));
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Returns the number of migrations that an earlier start applied.
async fn applied(connection: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    const TABLE: &str = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    const ROWS: &str = "SELECT COUNT(*) FROM _sqlx_migrations";
    let tables: i64 = sqlx::query_scalar(TABLE).fetch_one(&mut *connection).await?;
    let rows: i64 = if tables == 0 { 0 } else { sqlx::query_scalar(ROWS).fetch_one(connection).await? };
    Ok(usize::try_from(rows).unwrap_or_default())
}
