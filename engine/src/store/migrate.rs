//! The migrations of both databases.

use super::driver::sqlite_code;
use super::{Pooler, begin_postgres};
use sqlx::migrate::MigrateError;
use sqlx::{ConnectOptions, Connection, PgPool, SqliteConnection, SqlitePool};
use std::time::Duration;

/// Runs all migrations in one transaction, under a lock that ends with it. It therefore also works
/// behind a pooler, and never leaves a schema half-way.
pub(super) async fn postgres(pool: &PgPool, pooler: Pooler) -> Result<(), MigrateError> {
    // Zero waits without limit, because another server's migration may take longer than the usual five seconds.
    const PATIENCE: &str = "SET LOCAL lock_timeout = 0";
    const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('keystead migration'))";
    let mut migrations = sqlx_macros::migrate!("../migrations/postgres");
    // The library's lock belongs to the session, which a transaction pooler does not keep. `LOCK` takes its place.
    migrations.set_locking(false);
    let mut transaction = begin_postgres(pool, pooler).await?;
    sqlx::query(PATIENCE).execute(&mut *transaction).await?;
    sqlx::query(LOCK).execute(&mut *transaction).await?;
    migrations.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}

/// Runs all migrations in one transaction, on a connection of their own without foreign keys: SQLite cannot change a constraint,
/// so a migration creates a table again while others refer to it. Before the commit, all references are checked.
pub(super) async fn sqlite(pool: &SqlitePool) -> Result<(), MigrateError> {
    // A migration of many rows takes longer than a second. The log of slow statements would quote all of it.
    let options = pool.connect_options().as_ref().clone().foreign_keys(false).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    // SQLite waits five seconds for the lock of another process. A long migration takes several such waits.
    for _ in 0..10 {
        match sqlite_once(&mut connection).await {
            Err(MigrateError::Execute(error)) if sqlite_code(&error) == Some(5) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
    sqlite_once(&mut connection).await
}

async fn sqlite_once(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let migrations = sqlx_macros::migrate!("../migrations/sqlite");
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done = applied(&mut transaction).await?;
    let is_due = done < migrations.iter().count();
    if is_due && done > 0 {
        tracing::info!(
            "the database schema is being updated; with a large audit log this takes some minutes"
        );
    }
    migrations.run_direct(None, &mut *transaction, false).await?;
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
