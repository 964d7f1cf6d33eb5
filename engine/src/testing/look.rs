//! Direct access to the database: statements without the engine, and invariants that must always hold.

use crate::Error;
use crate::store::{Db, on};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// Runs a statement directly, without the engine.
pub async fn execute(db: &Db, sql: &str) -> Result<u64, sqlx::Error> {
    let query = AssertSqlSafe(sql.to_owned());
    Ok(match db {
        Db::Sqlite { write, .. } => sqlx::query(query).execute(write).await?.rows_affected(),
        Db::Postgres(pool, _) => sqlx::query(query).execute(pool).await?.rows_affected(),
    })
}

/// Asks the database directly for one number.
pub async fn number(db: &Db, sql: &str) -> i64 {
    one(db, sql).await
}

/// Asks the database directly for one sealed value.
pub async fn bytes(db: &Db, sql: &str) -> Vec<u8> {
    one(db, sql).await
}

async fn one<T>(db: &Db, sql: &str) -> T
where
    T: Send + Unpin,
    (T,): for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
{
    column(db, sql).await.into_iter().next().expect("one value")
}

/// Asks the database directly for a column of texts.
pub async fn texts(db: &Db, sql: &str) -> Vec<String> {
    column(db, sql).await
}

async fn column<T>(db: &Db, sql: &str) -> Vec<T>
where
    T: Send + Unpin,
    (T,): for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
{
    rows::<(T,)>(db, sql).await.into_iter().map(|(value,)| value).collect()
}

/// Asks the database directly.
pub async fn rows<T>(db: &Db, sql: &str) -> Vec<T>
where
    T: Send + Unpin + for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
{
    async fn asked<T>(db: &Db, sql: String) -> Result<Vec<T>, Error>
    where
        T: Send + Unpin + for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
    {
        Ok(on!(db, pool => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await)?)
    }
    asked(db, sql.to_owned()).await.expect("an answer")
}

/// Asks as [`number`], with a cast, because in PostgreSQL sums have another type than counts.
pub async fn count(db: &Db, sql: &str) -> i64 {
    number(db, &format!("SELECT CAST(({sql}) AS BIGINT)")).await
}

const DONE: &str = "SELECT COUNT(*) FROM audit_event WHERE outcome = 'done' AND action IN";

/// Returns the invariants that do not hold: each effect has its audit line, each line its effect, each
/// scope one Active version and no gap. The list must be empty, whatever failed before. It is one
/// statement, so that it sees one moment.
pub async fn broken(db: &Db) -> Vec<String> {
    let promises = [
        ("SELECT COUNT(*) FROM key_version".to_owned(),
         format!("{DONE} ('key.create', 'key.rotate', 'key.rotate_now', 'key.rotate_automatic')"),
         "versions and their audit lines"),
        ("SELECT COUNT(*) FROM administrator".to_owned(), format!("{DONE} ('portal.setup', 'user.create')"),
         "administrators and their audit lines"),
        ("SELECT COUNT(*) FROM environment".to_owned(), format!("{DONE} ('environment.add')"),
         "environments and their audit lines"),
        ("SELECT COUNT(*) FROM environment WHERE removed_at IS NOT NULL".to_owned(),
         format!("{DONE} ('environment.remove')"), "removed environments and their audit lines"),
        ("SELECT COUNT(*) FROM audit_event".to_owned(), "SELECT audit_sequence FROM instance".to_owned(),
         "audit lines and their number"),
        ("SELECT COALESCE(MAX(sequence), 0) FROM audit_event".to_owned(),
         "SELECT COUNT(*) FROM audit_event".to_owned(), "the last audit number and their count"),
        ("SELECT COUNT(*) FROM key_version WHERE status = 'active'".to_owned(),
         "SELECT COUNT(DISTINCT scope_id) FROM key_version".to_owned(), "one Active version each"),
        ("SELECT COALESCE(SUM(number), 0) FROM key_version".to_owned(),
         "SELECT COALESCE(SUM(n * (n + 1) / 2), 0) FROM (SELECT COUNT(*) AS n FROM key_version GROUP BY scope_id) AS c"
             .to_owned(),
         "version numbers without gaps"),
        ("SELECT COUNT(*) FROM recovery_code".to_owned(), "SELECT COUNT(*) * 10 FROM administrator".to_owned(),
         "ten recovery codes each"),
    ];
    let parts = promises.map(|(left, right, what)| {
        format!("SELECT '{what}' AS what WHERE CAST(({left}) AS BIGINT) <> CAST(({right}) AS BIGINT)")
    });
    texts(db, &parts.join(" UNION ALL ")).await
}
