//! The only SQL. Both databases run the same text; rows are private structs that are converted to domain types.

pub mod aliases;
pub mod answers;
pub mod api_keys;
pub mod audit;
pub mod authority;
pub mod changes;
mod connecting;
mod driver;
pub(crate) mod dump;
mod failpoints;
pub mod holders;
mod ids;
pub mod instance;
pub mod journal;
pub mod keys;
pub(crate) mod leases;
pub(crate) mod migrate;
pub mod next_steps;
pub mod overview;
pub(crate) mod reader;
pub mod revisions;
mod rights;
pub mod scopes;
pub mod sessions;
pub mod stamps;
pub mod tenant_secrets;
pub(crate) mod text;
pub mod throttle;
pub mod usage;
pub mod users;

use crate::Error;
use crate::base::entry::Entry;
use crate::base::error::StoreError;
use crate::base::random;
use crate::store::text::With;
pub use connecting::{check_folder, host_and_port};
use domain::scopes::scope::{Country, ScopeName, Slug};
use driver::is_duplicate;
use driver::{is_conflict, is_rolled_back, is_storage_failure, sqlite_code};
pub(crate) use driver::{is_missing_table, was_duplicate};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;
pub use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Maximum retries of a transaction after a conflict.
const RETRIES: u32 = 3;

/// The database.
#[derive(Clone)]
pub enum Db {
    /// One writer, several readers. SQLite allows one writer anyway; with one, no connection waits for a lock.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool, Pooler),
}

/// The connection pooler between Keystead and PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    #[default]
    None,
    /// A pooler in transaction mode: every transaction may run on another connection of the server.
    /// Therefore no prepared statement outlives its transaction, and every read is a transaction too.
    Transaction,
}

/// A writing transaction. When it is dropped without a commit, it is rolled back.
pub struct Tx(Inner);

enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one reading statement on a connection of the database.
macro_rules! on {
    ($db:expr, $pool:ident => $run:expr) => {
        match $db {
            $crate::store::Db::Sqlite { read: $pool, .. } => $run,
            $crate::store::Db::Postgres(postgres, pooler) => {
                let mut reader = $crate::store::reader::Reader::of(postgres, *pooler).await?;
                let $pool = reader.connection();
                let answer = $run;
                reader.end().await;
                answer
            }
        }
    };
}

/// Runs one statement inside a transaction.
macro_rules! within {
    ($tx:expr, $connection:ident => $run:expr) => {{
        $crate::store::failpoints::statement()?;
        match &mut $tx.0 {
            $crate::store::Inner::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
            $crate::store::Inner::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
        }
    }};
}
/// Defines `Read` and `Write` for a file of this room: the database returns the first as `db.keys()`, a transaction the second
/// as `tx.keys()`.
macro_rules! table {
    ($name:ident: $($what:ident),+) => {
        $($crate::store::table!($what $name);)+
    };
    (Read $name:ident) => {
        pub struct Read<'a>(&'a $crate::store::Db);
        impl $crate::store::Db {
            pub(crate) fn $name(&self) -> Read<'_> {
                Read(self)
            }
        }
    };
    (Write $name:ident) => {
        pub struct Write<'a>(&'a mut $crate::store::Tx);
        impl $crate::store::Tx {
            pub(crate) fn $name(&mut self) -> Write<'_> {
                Write(self)
            }
        }
    };
}
/// Reads rows one by one, so that one whose columns cannot be read hides no other: it is an error in the list.
macro_rules! readable {
    ($self:expr, $of:ty, $table:literal, $query:expr) => {{
        let rows: Vec<Result<$of, sqlx::Error>> = $crate::store::on!($self, pool => {
            let rows = $query.fetch_all(pool).await?;
            rows.iter().map(|row| <$of as sqlx::FromRow<_>>::from_row(row)).collect()
        });
        rows.into_iter().map(|row| row.map_err(|error| $crate::store::unreadable($table, &error))).collect::<Vec<_>>()
    }};
}
pub(crate) use {on, readable, table, within};

/// A row that a writing transaction locks. SQLite has one writer; PostgreSQL locks the row.
#[derive(Clone, Copy)]
pub enum Lock {
    /// The row of the instance: setup, key ceremonies, and other work that must run one after the other.
    Instance,
    /// The row of one scope: everything that counts or changes its versions.
    Scope(domain::base::id::ScopeId),
    /// The row of one environment: its removal must not overlap with the addition of a country.
    Environment(domain::base::id::EnvironmentId),
}

impl Db {
    /// Opens an SQLite database file, and creates it when it is missing.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn sqlite(path: &Path) -> Result<Self, Error> {
        check_folder(path.parent().unwrap_or(path))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode NORMAL may lose the last commits with the power, and a code that was spent would work again.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            // Room for all rows of a page: on a single core, a reader with a smaller buffer waits for every row.
            .row_buffer_size(256)
            // In pages. SQLite then copies a page that is written repeatedly into the database file only once.
            .pragma("wal_autocheckpoint", "4000")
            .busy_timeout(Duration::from_secs(5));
        // Cache of each connection, in KiB. The system caches the file's pages already. But the pages that a transaction changes
        // must fit, because SQLite otherwise writes them out before the commit and reads them again.
        let pool = |connections, cache: &'static str| {
            // A file cannot disconnect, and a test of the connection wakes its thread once more.
            let pool = SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
            let options = options.clone().pragma("cache_size", cache);
            open_sqlite(pool.acquire_timeout(Duration::from_secs(10)), options)
        };
        let opened = async { Ok((pool(1, "-8192").await?, pool(8, "-256").await?)) };
        let (write, read) = opened.await.map_err(|error| connecting::not_usable(path, error))?;
        Ok(Self::Sqlite { write, read })
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn postgres(options: PgConnectOptions, pooler: Pooler) -> Result<Self, Error> {
        let options = match pooler {
            Pooler::None => options,
            // PgBouncer refuses start-up parameters it does not know.
            Pooler::Transaction => options.statement_cache_capacity(0).extra_float_digits(None),
        };
        connecting::wait_for(&options).await?;
        let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(connecting::PATIENCE);
        Ok(Self::Postgres(pool.connect_lazy_with(options), pooler))
    }

    /// Names SQLite's file in an error that says that the file cannot be used, or the right that an account of PostgreSQL lacks.
    pub async fn explained(&self, error: Error) -> Error {
        let Error::Store(StoreError::Database(source)) = error else { return error };
        let error = match source.downcast::<sqlx::Error>() {
            Ok(error) => *error,
            Err(source) => return StoreError::Database(source).into(),
        };
        match self {
            Self::Sqlite { read, .. } => connecting::not_usable(read.connect_options().get_filename(), error),
            // On the heap: few errors need it, and it would make every future that opens a database larger.
            Self::Postgres(pool, _) => {
                Box::pin(rights::explain(pool, &error)).await.unwrap_or_else(|| error.into())
            }
        }
    }

    /// Brings the schema up to date. Several servers may start at the same time.
    ///
    /// # Errors
    /// When a migration fails, or the database was made by a newer Keystead.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let done = match self {
            Self::Sqlite { write, .. } => migrate::sqlite(write, None).await,
            Self::Postgres(pool, pooler) => migrate::postgres(pool, *pooler).await,
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed_migration(&error).await),
        }
    }

    async fn failed_migration(&self, error: &MigrateError) -> Error {
        let explained = match self {
            Self::Postgres(pool, _) => Box::pin(rights::explain_migration(pool, error)).await,
            Self::Sqlite { .. } => None,
        };
        explained.unwrap_or_else(|| migrate::failed(error))
    }

    /// Checks whether this is not the SQLite database in the file.
    pub(crate) async fn is_other_than(&self, file: &Path) -> bool {
        let Self::Sqlite { read, .. } = self else { return true };
        let own = read.connect_options().get_filename().canonicalize().ok();
        own != file.canonicalize().ok()
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    /// Checks whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        on!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Copies what SQLite has written into its log to the database's file, so that a copy of that file alone has it. Returns how
    /// many pages are not copied yet; a reader of an earlier state delays them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) async fn settle(&self) -> Result<i64, Error> {
        // PASSIVE waits for nobody, and nobody waits for it.
        const SQL: &str = "PRAGMA wal_checkpoint(PASSIVE)";
        let Self::Sqlite { read, .. } = self else { return Ok(0) };
        let (busy, written, copied): (i64, i64, i64) = sqlx::query_as(SQL).fetch_one(read).await?;
        Ok((written - copied).max(busy))
    }

    /// Settles, and waits a while for the readers of an earlier state.
    pub(crate) async fn settle_now(&self) {
        // Most readers take a millisecond. A backup reads for long, and what it delays is copied a second after its end.
        let (mut before, mut patience) = (i64::MAX, 10);
        loop {
            match self.settle().await {
                Ok(0) => return,
                Ok(left) if left >= before && patience == 0 => {
                    return tracing::warn!(
                        pages = left,
                        "the newest change is not in the database's file yet, because an earlier state of the database is being read"
                    );
                }
                Ok(left) => {
                    patience = if left < before { 10 } else { patience - 1 };
                    before = left;
                }
                // The change is committed.
                Err(error) => {
                    return tracing::warn!(%error, "the database's log could not be copied to its file");
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs a writing transaction: `run` gets it and commits it. When the database aborted it to
    /// resolve a conflict with another one, it is retried, at most three times.
    ///
    /// # Errors
    /// The error of `run`; [`StoreError::Database`] when the database cannot be reached or is busy for too long.
    pub(crate) async fn write<T, F>(&self, run: impl Fn(Tx) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut tries = 0;
        loop {
            let done = match self.begin().await {
                Ok(tx) => run(tx).await,
                Err(error) => Err(error),
            };
            if let (Self::Sqlite { read, write }, Err(error)) = (self, &done)
                && is_storage_failure(error)
            {
                let renewed = renew(read, write).await.map_err(Error::from);
                crate::base::log::or_warn(renewed, "database connections could not be reopened");
            }
            match &done {
                Err(error) if tries < RETRIES && is_conflict(error) => tries += 1,
                _ => return done,
            }
            tracing::debug!(tries, "a transaction will be retried after a conflict");
            // The other transaction of the conflict may be tried again, too. A random wait keeps the two apart.
            let jitter = u64::from(random::bytes::<1>()[0]) % (10 << tries);
            tokio::time::sleep(Duration::from_millis(5 + jitter)).await;
        }
    }

    /// Writes one line of the audit log, for an event that changed nothing else.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Error> {
        let entry = &entry;
        self.write(|tx| async move { tx.commit(entry.clone()).await }).await
    }

    /// Returns the result; records it in the audit log first when it is a refusal.
    ///
    /// # Errors
    /// The refusal itself.
    pub(crate) async fn or_refuse<T>(&self, done: Result<T, Error>, entry: Entry) -> Result<T, Error> {
        match done {
            Err(error) => self.refuse(error, entry).await,
            done => done,
        }
    }

    /// Records a refusal in the audit log and returns it. A fault of Keystead is no refusal, and is not recorded.
    ///
    /// # Errors
    /// The refusal itself.
    pub(crate) async fn refuse<T>(&self, error: Error, entry: Entry) -> Result<T, Error> {
        if !error.is_fault() {
            // In a transaction of its own, because that of the refused work was rolled back.
            self.record(entry.with(error.to_string())).await?;
        }
        Err(error)
    }

    async fn begin(&self) -> Result<Tx, Error> {
        failpoints::begin()?;
        Ok(Tx(match self {
            // Without IMMEDIATE a transaction that reads first does not wait to write: it fails when another process has written.
            Self::Sqlite { write, .. } => Inner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool, pooler) => {
                let begun = begin_postgres(pool, *pooler).await;
                Inner::Postgres(connecting::or_cause(pool, begun).await?)
            }
        }))
    }

    /// Closes every connection of a file that nobody else uses, when all that SQLite has written into its log is in the file.
    ///
    /// # Errors
    /// When the file cannot take it, for example because the disk is full.
    pub async fn close_whole(&self) -> Result<(), Error> {
        const SQL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
        let whole = match self {
            Self::Sqlite { write, .. } => {
                let done: Result<(i64, i64, i64), sqlx::Error> = sqlx::query_as(SQL).fetch_one(write).await;
                match done {
                    Ok((0, ..)) => Ok(()),
                    Ok(_) => Err(Error::Fault(
                        "The database's file is not complete, because another program reads it.".into(),
                    )),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Postgres(..) => Ok(()),
        };
        self.close().await;
        whole
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool, _) => pool.close().await,
        }
    }
}

impl Tx {
    /// Waits until this transaction has locked the row, and checks that the row still exists. SQLite needs
    /// the check as well: it has one writer, but an earlier one may have removed the row.
    ///
    /// # Errors
    /// When the database fails; [`Error::NotFound`] when the row does not exist.
    pub(crate) async fn lock(&mut self, what: Lock) -> Result<(), Error> {
        let (sql, id) = match what {
            Lock::Instance => ("SELECT 1 FROM instance WHERE id = 1", None),
            Lock::Scope(id) => ("SELECT 1 FROM scope WHERE id = $1", Some(id.0)),
            Lock::Environment(id) => ("SELECT 1 FROM environment WHERE id = $1", Some(id.0)),
        };
        let locking = match self.0 {
            Inner::Sqlite(_) => "",
            Inner::Postgres(_) => " FOR UPDATE",
        };
        let sql = AssertSqlSafe(format!("{sql}{locking}"));
        let found = within!(self, connection => {
            let query = sqlx::query(sql);
            let query = id.into_iter().fold(query, |query, id| query.with(id));
            query.fetch_optional(connection).await?.is_some()
        });
        if found { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Commits, with the audit line of the action.
    ///
    /// # Errors
    /// When the database fails; nothing is done then, unless the error is [`StoreError::Unsure`].
    pub(crate) async fn commit(self, entry: Entry) -> Result<(), Error> {
        self.commit_all(&[entry]).await
    }

    /// Commits, with an audit line for each of several actions that were done together. Without any line it commits
    /// nothing.
    ///
    /// # Errors
    /// When the database fails; nothing is done then, unless the error is [`StoreError::Unsure`].
    pub(crate) async fn commit_all(mut self, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        // Last before the commit: in PostgreSQL other transactions with a line wait from here on for the row of the numbers.
        let first = self.audit().append(entries).await?;
        self.end().await?;
        // The line also goes to the log, which collectors copy to another machine. Names are quoted, so that no line break
        // gets through.
        for (number, entry) in (first..).zip(entries) {
            let (action, outcome, who) = (entry.action.word(), entry.outcome.word(), entry.actor.name());
            let (place, place_id) = (&entry.place.name, &entry.place.id);
            let (detail, address) = (&entry.detail, entry.actor.address());
            tracing::info!(target: "audit", number, action, outcome, ?who, ?place, place_id, ?detail, address);
        }
        Ok(())
    }

    /// Commits work that is no event of its own. The reason is documentation; a test holds the list of all reasons.
    ///
    /// # Errors
    /// When the database fails; nothing is done then, unless the error is [`StoreError::Unsure`].
    pub(crate) async fn commit_unaudited(self, _reason: &'static str) -> Result<(), Error> {
        self.end().await
    }

    async fn end(self) -> Result<(), Error> {
        failpoints::commit()?;
        match self.0 {
            Inner::Sqlite(transaction) => transaction.commit().await?,
            Inner::Postgres(transaction) => {
                transaction.commit().await.map_err(|error| match is_rolled_back(&error) {
                    true => Error::from(error),
                    // The answer was lost on its way, so Keystead cannot tell whether the server committed.
                    false => StoreError::Unsure(Box::new(error)).into(),
                })?;
            }
        }
        failpoints::committed()
    }
}

/// Opens the first connection, with retries. While another process turns a new file's journal into a WAL, SQLite says "busy"
/// at once, without the time-out that applies everywhere else.
async fn open_sqlite(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    // 100 times 50 ms: the same five seconds that a writer waits elsewhere.
    for _ in 0..100 {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if sqlite_code(&error) == Some(5) => {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
            opened => return opened,
        }
    }
    pool.connect_with(options).await
}

/// Closes SQLite's connections, so that the pools open new ones.
async fn renew(read: &SqlitePool, write: &SqlitePool) -> Result<(), sqlx::Error> {
    while let Some(reader) = read.try_acquire() {
        let _ = reader.close().await;
    }
    // A dropped transaction returns its connection a little later.
    write.acquire().await?.close().await
}

/// Begins a transaction with time-outs. PostgreSQL ends a transaction whose server has stopped, and a
/// wait for a lock, after as long as a writer waits in SQLite (5 s). Every transaction sets them,
/// because a pooler passes connections from client to client. Behind a pooler it also deallocates the
/// statements that others prepared on this connection, because Keystead's have the same names.
async fn begin_postgres(
    pool: &PgPool,
    pooler: Pooler,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    const LIMITS: &str =
        "SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL lock_timeout = '5s'";
    let deallocate = match pooler {
        Pooler::None => "",
        Pooler::Transaction => "DEALLOCATE ALL; ",
    };
    // Boxed, as in `Reader::of`.
    Box::pin(pool.begin_with(AssertSqlSafe(format!("BEGIN; {deallocate}{LIMITS}")))).await
}

/// Maximum number of rows that one statement inserts.
pub(crate) const ROWS: usize = 100;

/// Returns the error for a row whose columns cannot be read.
pub(crate) fn unreadable(table: &'static str, error: &sqlx::Error) -> Error {
    tracing::error!(table, %error, "a row of the database cannot be read; run `keystead doctor`");
    corrupt(table, "columns", "a row")
}

/// Returns the name of a scope of the slug and the country of its rows; `id` names the row in the error.
pub(crate) fn scope_name(slug: String, country: &str, id: impl ToString) -> Result<ScopeName, Error> {
    let column = |name| corrupt("scope", name, id.to_string());
    Ok(ScopeName {
        environment: Slug::try_from(slug).map_err(|_| column("slug"))?,
        country: Country::from_code(country).map_err(|_| column("country"))?,
    })
}

/// Returns the error for a column whose value is invalid.
pub(crate) fn corrupt(table: &'static str, column: &'static str, id: impl ToString) -> Error {
    Error::Store(StoreError::Corrupt { table, column, id: id.to_string() })
}
