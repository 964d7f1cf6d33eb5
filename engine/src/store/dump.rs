//! All rows of a database, read at one moment, and written into an empty one of either kind.

use super::instance::Instance;
use super::migrate;
use super::{Db, Inner, Tx, begin_postgres, within};
use crate::Error;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ColumnIndex, ConnectOptions, QueryBuilder, Row, TypeInfo, ValueRef};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Maximum number of values in one statement: SQLite allows 32,766.
const VALUES: usize = 30_000;
/// Maximum number of rows that are passed on at once, and of bytes beyond which no further row joins them.
const TOGETHER: usize = 200;
const BYTES: usize = 1 << 20;

/// Every table that a schema of Keystead has or had. Others in the same schema, of an extension perhaps, are not ours to read.
const OURS: [&str; 39] = [
    "actor_kind",
    "administrator",
    "alias_history",
    "answer",
    "api_key",
    "api_key_grant",
    "audit_event",
    "audit_outcome",
    "aws_key",
    "environment",
    "environment_kind",
    "health_state",
    "holder",
    "instance",
    "journal_run",
    "journal_segment",
    "key_status",
    "key_type",
    "key_version",
    "keyring",
    "prepared_change",
    "recovery_code",
    "rotation_period",
    "scope",
    "sealed_revision",
    "secret_status",
    "secret_type",
    "server",
    "server_lease",
    "session",
    "session_note",
    "session_stage",
    "setup_token",
    "spent_step",
    "tenant_secret",
    "tenant_secret_usage",
    "throttle",
    "vendor",
    "version_usage",
];

/// A value of a row, as either database stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Value {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "i")]
    Int(i64),
    #[serde(rename = "o")]
    Bool(bool),
    #[serde(rename = "s")]
    Text(String),
    #[serde(rename = "b", with = "base64")]
    Bytes(Vec<u8>),
    #[serde(rename = "t")]
    Time(DateTime<Utc>),
    #[serde(rename = "u")]
    Uuid(Uuid),
}

impl Value {
    /// Returns roughly how much room it takes.
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            _ => 8,
        }
    }
}

mod base64 {
    use super::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(from)?.as_bytes()).map_err(de::Error::custom)
    }
}

/// A table and how many rows it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub name: String,
    pub columns: Vec<String>,
    pub rows: u64,
}

/// The rows of a database at one moment, whatever is written meanwhile.
pub(crate) struct Snapshot(Tx);

impl Db {
    /// Begins to read at this moment.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Error> {
        // The usual time-out would end the snapshot while the backup waits for a slow disk.
        const WHOLE: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
                             SET LOCAL idle_in_transaction_session_timeout = 0";
        Ok(Snapshot(Tx(match self {
            Self::Sqlite { read, .. } => {
                // The journal's rows are large, so only a few of them are read ahead.
                let options =
                    read.connect_options().as_ref().clone().row_buffer_size(4).disable_statement_logging();
                let own = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
                Inner::Sqlite(own.begin_with("BEGIN").await?)
            }
            Self::Postgres(pool, pooler) => {
                let mut begun = begin_postgres(pool, *pooler).await?;
                sqlx::raw_sql(WHOLE).execute(&mut *begun).await?;
                Inner::Postgres(begun)
            }
        })))
    }

    /// Checks whether the database has no tables of Keystead.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.snapshot().await?.names().await?.is_empty())
    }
}

impl Snapshot {
    async fn names(&mut self) -> Result<BTreeSet<String>, Error> {
        const SQLITE: &str =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'";
        const POSTGRES: &str =
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()";
        let names: Vec<String> = match &mut self.0.0 {
            Inner::Sqlite(c) => sqlx::query_scalar(SQLITE).fetch_all(&mut **c).await?,
            Inner::Postgres(c) => sqlx::query_scalar(POSTGRES).fetch_all(&mut **c).await?,
        };
        Ok(names.into_iter().filter(|name| OURS.contains(&name.as_str())).collect())
    }

    /// Returns the instance, the number of the schema, and that of the last line of the audit log. It comes first, because the
    /// first question fixes the moment.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn state(&mut self) -> Result<(Instance, i64, i64), Error> {
        const SCHEMA: &str = "SELECT MAX(version) FROM _sqlx_migrations";
        const SEQUENCE: &str = "SELECT audit_sequence FROM instance WHERE id = 1";
        let instance = self.0.instance().get().await?;
        let schema = within!(self.0, c => sqlx::query_scalar(SCHEMA).fetch_one(c).await)?;
        let sequence = within!(self.0, c => sqlx::query_scalar(SEQUENCE).fetch_one(c).await)?;
        Ok((instance, schema, sequence))
    }

    /// Returns the tables with their columns and numbers of rows, those first that others refer to.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn tables(&mut self) -> Result<Vec<Table>, Error> {
        let names = self.names().await?;
        let mut tables = Vec::new();
        for name in in_order(&names, &self.references(&names).await?)? {
            let columns = self.0.columns(&name).await?.into_keys().collect();
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}"));
            let rows: i64 = within!(self.0, c => sqlx::query_scalar(count).fetch_one(c).await)?;
            tables.push(Table { name, columns, rows: rows.unsigned_abs() });
        }
        Ok(tables)
    }

    /// Returns which table refers to which.
    async fn references(&mut self, names: &BTreeSet<String>) -> Result<Vec<(String, String)>, Error> {
        const POSTGRES: &str = "SELECT CAST(c.relname AS TEXT), CAST(f.relname AS TEXT) FROM pg_constraint k \
                                JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid \
                                WHERE k.contype = 'f' AND c.relnamespace = CAST(current_schema() AS regnamespace)";
        match &mut self.0.0 {
            Inner::Postgres(c) => Ok(sqlx::query_as(POSTGRES).fetch_all(&mut **c).await?),
            Inner::Sqlite(c) => {
                let mut references = Vec::new();
                for name in names {
                    const SQL: &str = "SELECT \"table\" FROM pragma_foreign_key_list($1)";
                    let of: Vec<String> =
                        sqlx::query_scalar(SQL).with(sought(name)).fetch_all(&mut **c).await?;
                    references.extend(of.into_iter().map(|to| (name.clone(), to)));
                }
                Ok(references)
            }
        }
    }

    /// Passes on all rows of a table, some at a time.
    ///
    /// # Errors
    /// When the database fails, or those of `pass`.
    pub(crate) async fn rows(
        &mut self,
        table: &Table,
        mut pass: impl AsyncFnMut(Vec<Vec<Value>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sql = AssertSqlSafe(format!("SELECT {} FROM {}", table.columns.join(", "), table.name));
        let (mut some, mut bytes) = (Vec::with_capacity(TOGETHER), 0);
        macro_rules! read {
            ($connection:expr, $decode:ident) => {{
                let mut rows = sqlx::query(sql).fetch(&mut **$connection);
                while let Some(row) = rows.try_next().await? {
                    let row = $decode(&row, &table.name)?;
                    bytes += row.iter().map(Value::weight).sum::<usize>();
                    some.push(row);
                    if some.len() == TOGETHER || bytes >= BYTES {
                        bytes = 0;
                        pass(std::mem::replace(&mut some, Vec::with_capacity(TOGETHER))).await?;
                    }
                }
            }};
        }
        match &mut self.0.0 {
            Inner::Sqlite(c) => read!(c, of_sqlite),
            Inner::Postgres(c) => read!(c, of_postgres),
        }
        pass(some).await
    }
}

/// Sorts tables so that each comes after those that it refers to.
fn in_order(names: &BTreeSet<String>, references: &[(String, String)]) -> Result<Vec<String>, Error> {
    let mut sorted: Vec<String> = Vec::new();
    while sorted.len() < names.len() {
        let is_ready = |name: &String| {
            !sorted.contains(name)
                && references.iter().all(|(from, to)| {
                    from != name || to == name || sorted.contains(to) || !names.contains(to)
                })
        };
        let ready: Vec<String> = names.iter().filter(|name| is_ready(name)).cloned().collect();
        if ready.is_empty() {
            return Err(Error::Fault("tables of the database refer to each other in a circle".into()));
        }
        sorted.extend(ready);
    }
    Ok(sorted)
}

/// Reads every column of a row. `read` gets a column's index and the name of its value's type; it returns `None` for a type that
/// it does not know.
fn values<R: Row>(
    row: &R,
    table: &str,
    read: impl Fn(usize, &str) -> Result<Option<Value>, sqlx::Error>,
) -> Result<Vec<Value>, Error>
where
    usize: ColumnIndex<R>,
{
    let value = |at: usize| {
        let raw = row.try_get_raw(at)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let type_info = raw.type_info();
        read(at, type_info.name())?.ok_or_else(|| {
            let (column, type_name) = (row.column(at).name(), type_info.name());
            Error::Fault(format!("the type {type_name} of the column {table}.{column} is not known"))
        })
    };
    (0..row.len()).map(value).collect()
}

fn of_sqlite(row: &SqliteRow, table: &str) -> Result<Vec<Value>, Error> {
    values(row, table, |at, type_name| {
        Ok(Some(match type_name {
            "INTEGER" => Value::Int(row.try_get_unchecked(at)?),
            "TEXT" => Value::Text(row.try_get_unchecked(at)?),
            "BLOB" => Value::Bytes(row.try_get_unchecked(at)?),
            _ => return Ok(None),
        }))
    })
}

fn of_postgres(row: &PgRow, table: &str) -> Result<Vec<Value>, Error> {
    values(row, table, |at, type_name| {
        Ok(Some(match type_name {
            "INT8" => Value::Int(row.try_get(at)?),
            "INT4" => Value::Int(row.try_get::<i32, _>(at)?.into()),
            "INT2" => Value::Int(row.try_get::<i16, _>(at)?.into()),
            "BOOL" => Value::Bool(row.try_get(at)?),
            "TEXT" | "VARCHAR" => Value::Text(row.try_get(at)?),
            "BYTEA" => Value::Bytes(row.try_get(at)?),
            "TIMESTAMPTZ" => Value::Time(row.try_get(at)?),
            "UUID" => Value::Uuid(row.try_get(at)?),
            _ => return Ok(None),
        }))
    })
}

/// Converts a value of SQLite, which has four types, to that of a column of PostgreSQL.
fn fitted(value: Value, column_type: &str) -> Value {
    match (value, column_type) {
        (Value::Text(text), "timestamp with time zone") => match DateTime::parse_from_rfc3339(&text) {
            Ok(at) => Value::Time(at.to_utc()),
            // PostgreSQL refuses it, with its own words.
            Err(_) => Value::Text(text),
        },
        (Value::Bytes(bytes), "uuid") => match Uuid::from_slice(&bytes) {
            Ok(uuid) => Value::Uuid(uuid),
            Err(_) => Value::Bytes(bytes),
        },
        (Value::Int(number), "boolean") => Value::Bool(number != 0),
        (value, _) => value,
    }
}

impl Tx {
    /// Returns the columns of a table with their types, as the database names them.
    async fn columns(&mut self, table: &str) -> Result<BTreeMap<String, String>, Error> {
        const SQLITE: &str = "SELECT name, type FROM pragma_table_info($1)";
        const POSTGRES: &str = "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
                                WHERE table_schema = current_schema() AND table_name = $1";
        let columns: Vec<(String, String)> = match &mut self.0 {
            Inner::Sqlite(c) => sqlx::query_as(SQLITE).with(sought(table)).fetch_all(&mut **c).await?,
            Inner::Postgres(c) => sqlx::query_as(POSTGRES).with(sought(table)).fetch_all(&mut **c).await?,
        };
        Ok(columns.into_iter().collect())
    }
}

/// An empty database that is being filled. Without a commit it stays empty.
pub(crate) struct Filling(Tx);

impl Db {
    /// Begins to fill an empty database, which gets the schema with this number.
    ///
    /// # Errors
    /// When the database is not empty, or fails.
    pub(crate) async fn fill(&self, schema: i64) -> Result<Filling, Error> {
        if !self.is_empty().await? {
            return Err(Error::Fault(
                "The database is not empty. A backup can be restored into an empty one only.".into(),
            ));
        }
        let tx = match self {
            // The migrations of SQLite need a connection of their own, without foreign keys. The file is given up if the rest fails.
            Self::Sqlite { write, .. } => {
                migrate::sqlite(write, Some(schema)).await.map_err(|error| migrate::failed(&error))?;
                Tx(Inner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?))
            }
            Self::Postgres(pool, pooler) => {
                let mut begun = begin_postgres(pool, *pooler).await?;
                if let Err(error) = migrate::postgres_within(&mut begun, Some(schema)).await {
                    return Err(self.failed_migration(&error).await);
                }
                let patient = "SET LOCAL idle_in_transaction_session_timeout = 0";
                sqlx::query(patient).execute(&mut *begun).await?;
                Tx(Inner::Postgres(begun))
            }
        };
        // The migrations have filled the reference tables. The backup has them as they were.
        let mut filled = Snapshot(tx);
        let tables = filled.tables().await?;
        let Snapshot(mut tx) = filled;
        for table in tables.iter().rev().filter(|table| table.rows > 0) {
            let sql = AssertSqlSafe(format!("DELETE FROM {}", table.name));
            within!(tx, c => sqlx::query(sql).execute(c).await.map(drop))?;
        }
        Ok(Filling(tx))
    }
}

impl Filling {
    /// Returns the types of a table's columns, in this order.
    ///
    /// # Errors
    /// When this release does not know the table or one of its columns.
    pub(crate) async fn types(&mut self, table: &Table) -> Result<Vec<String>, Error> {
        let types = self.0.columns(&table.name).await?;
        let of = |column: &String| {
            let unknown = || {
                let (table, column) = (&table.name, column);
                Error::Fault(format!(
                    "The backup has a column {table}.{column} that this release does not know."
                ))
            };
            types.get(column).cloned().ok_or_else(unknown)
        };
        table.columns.iter().map(of).collect()
    }

    /// Inserts rows.
    ///
    /// # Errors
    /// When the database refuses a row.
    pub(crate) async fn insert(
        &mut self,
        table: &Table,
        types: &[String],
        rows: Vec<Vec<Value>>,
    ) -> Result<(), Error> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some = rows.by_ref().take((VALUES / types.len().max(1)).max(1));
            let some: Vec<Vec<Value>> = some
                .map(|row| row.into_iter().zip(types).map(|(value, of)| fitted(value, of)).collect())
                .collect();
            // Until schema 17, PostgreSQL itself numbered two tables.
            let overriding =
                if matches!(self.0.0, Inner::Postgres(_)) { "OVERRIDING SYSTEM VALUE " } else { "" };
            let sql = format!("INSERT INTO {} ({}) {overriding}", table.name, table.columns.join(", "));
            within!(self.0, c => {
                let mut query = QueryBuilder::new(sql);
                query.push_values(some, |mut values, row| {
                    for value in row {
                        match value {
                            // Without a type of its own, NULL fits every column.
                            Value::Null => values.push("NULL"),
                            Value::Int(number) => values.with(number),
                            Value::Bool(is_so) => values.with(is_so),
                            Value::Text(text) => values.with(kept(&text)),
                            Value::Bytes(bytes) => values.with(bytes),
                            Value::Time(at) => values.with(at),
                            Value::Uuid(uuid) => values.with(uuid),
                        };
                    }
                });
                query.build().execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Ends every session and every change that waits, and spends every step of a verification code up to `step`, so that nothing
    /// of them comes back to life.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn revive_nothing(&mut self, step: i64) -> Result<(), Error> {
        const GONE: [&str; 4] = ["prepared_change", "session_note", "session", "setup_token"];
        // Until schema 18, a person had one step: the last that was spent.
        let floor = match self.0.columns("administrator").await?.contains_key("totp_floor") {
            true => "totp_floor",
            false => "totp_step",
        };
        // Since schema 19 answers are kept, which hand out sessions.
        let answers = (!self.0.columns("answer").await?.is_empty()).then_some("answer");
        for table in GONE.into_iter().chain(answers) {
            let sql = AssertSqlSafe(format!("DELETE FROM {table}"));
            within!(self.0, c => sqlx::query(sql).execute(c).await.map(drop))?;
        }
        let spent = AssertSqlSafe(format!("UPDATE administrator SET {floor} = $1 WHERE {floor} < $1"));
        within!(self.0, c => sqlx::query(spent).with(step).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Brings PostgreSQL up to date, and marks the restore as incomplete: a server that starts now must not make versions before the
    /// numbers of lost ones are known. SQLite's file has another name until the restore is complete.
    ///
    /// # Errors
    /// When the database fails; it is empty then.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        if let Inner::Postgres(transaction) = &mut self.0.0 {
            migrate::postgres_within(transaction, None).await.map_err(|error| migrate::failed(&error))?;
            self.0.instance().set_older("a restore is not complete", None).await?;
        }
        self.0
            .commit_unaudited("a backup is restored; its event follows under the schema of this release")
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_table_is_in_a_backup() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::sqlite(&folder.path().join("keystead.db")).await.expect("it opens");
        assert!(db.is_empty().await.expect("it reads"));
        db.migrate().await.expect("it is up to date");
        let Db::Sqlite { read, .. } = &db else { panic!("SQLite") };
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let mut names: Vec<String> = sqlx::query_scalar(sql).fetch_all(read).await.expect("names");
        names.retain(|name| name != "_sqlx_migrations");
        // Of an earlier schema.
        names.push("aws_key".to_owned());
        names.sort();
        assert_eq!(names, OURS);
        db.close().await;
    }

    #[test]
    fn tables_come_after_those_that_they_refer_to() {
        let names = ["a", "b", "c"].map(str::to_owned).into();
        let refers = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
        };
        let sorted = in_order(&names, &refers(&[("a", "c"), ("c", "b"), ("b", "b"), ("a", "elsewhere")]));
        assert_eq!(sorted.expect("no circle"), ["b", "c", "a"]);
        assert!(in_order(&names, &refers(&[("a", "b"), ("b", "a")])).is_err());
    }
}
