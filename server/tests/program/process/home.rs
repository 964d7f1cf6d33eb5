//! The files of a server under test: a folder, and a database of either kind.

use super::pooler::Pooler;
use engine::changes::totp::Seed;
use engine::store::{Db, PgConnectOptions, Pooler as Mode};
use engine::testing::{DatabaseKind, look};
use engine::{Clock, SecretText};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use url::Url;

pub use engine::testing::PASSWORD;
const URL: &str = "KEYSTEAD_DATABASE_URL";

/// A server's folder and settings; two of them may share a database.
pub struct Home {
    folder: Arc<TempDir>,
    /// The direct address of PostgreSQL, without pooler or proxy.
    database: Option<Url>,
    settings: Vec<(&'static str, String)>,
    /// The words that start the program; in most tests the program alone.
    pub starter: Vec<String>,
    /// The log file; without it, the log goes to the output of the test.
    pub log: Option<PathBuf>,
}

/// Returns the address of the PostgreSQL server of the tests.
pub fn postgres() -> Url {
    let url = std::env::var("KEYSTEAD_TEST_POSTGRES_URL")
        .expect("KEYSTEAD_TEST_POSTGRES_URL names a PostgreSQL server (make test starts one)");
    url.parse().expect("a PostgreSQL URL")
}

/// Runs a statement over a connection of its own.
pub async fn on_postgres(url: &Url, sql: &str) {
    let options = PgConnectOptions::from_str(url.as_str()).expect("a PostgreSQL URL");
    let db = Db::postgres(options, Mode::None).await.expect("PostgreSQL answers");
    look::execute(&db, sql).await.expect("PostgreSQL obeys");
    db.close().await;
}

impl Home {
    /// Creates a folder, and an empty database in it or on the PostgreSQL server of the tests.
    pub async fn new(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => Self::bare(),
            DatabaseKind::Postgres => Self::on(&postgres()).await,
        }
    }

    /// Creates a folder, and an empty database on a PostgreSQL server.
    pub async fn on(server: &Url) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let hint = folder.path().file_name().expect("a name").to_string_lossy().to_lowercase();
        let name = format!(
            "process_{}",
            hint.trim_start_matches('.').replace(|c: char| !c.is_ascii_alphanumeric(), "_")
        );
        on_postgres(server, &format!("CREATE DATABASE {name}_{}", std::process::id())).await;
        let mut url = server.clone();
        url.set_path(&format!("{name}_{}", std::process::id()));
        let mut home = Self {
            folder,
            database: Some(url.clone()),
            settings: Vec::new(),
            starter: vec![program()],
            log: None,
        };
        home.set(URL, url.as_str());
        home.make_root_key();
        home
    }

    fn bare() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self { folder, database: None, settings: Vec::new(), starter: vec![program()], log: None }
    }

    /// Returns the same folder and database, for another server.
    pub fn shared(&self) -> Self {
        let Self { folder, database, settings, starter, log } = self;
        let (database, settings) = (database.clone(), settings.clone());
        Self { folder: Arc::clone(folder), database, settings, starter: starter.clone(), log: log.clone() }
    }

    /// Creates another host on the same database, with a copy of the root key.
    pub fn neighbour(&self) -> Self {
        let other = Self { settings: self.settings.clone(), database: self.database.clone(), ..Self::bare() };
        std::fs::create_dir(other.data()).expect("a folder");
        std::fs::copy(self.data().join("root.key"), other.data().join("root.key")).expect("a copy");
        other
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// Lets servers started from now on reach the database through a pooler.
    pub fn pool(&mut self, pooler: &Pooler) {
        let through = pooler.before(self.database());
        self.set(URL, through.as_str());
        self.set("KEYSTEAD_DATABASE_POOLER", "transaction");
    }

    /// Names its connections in `pg_stat_activity`.
    pub fn is_called(&mut self, name: &str) {
        let mut url: Url = self
            .settings
            .iter()
            .find_map(|(known, value)| (*known == URL).then(|| value.parse().ok()).flatten())
            .expect("PostgreSQL");
        url.query_pairs_mut().append_pair("application_name", name);
        self.set(URL, url.as_str());
    }

    /// Returns the direct address of its database on PostgreSQL.
    pub fn database(&self) -> &Url {
        self.database.as_ref().expect("PostgreSQL")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes the root key of the tests, so that a test can open the portal in process as well.
    pub fn make_root_key(&self) {
        std::fs::create_dir_all(self.data()).expect("a folder");
        std::fs::set_permissions(self.data(), std::fs::Permissions::from_mode(0o700)).expect("a mode");
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o600).open(self.data().join("root.key"));
        std::io::Write::write_all(&mut file.expect("a file"), engine::testing::ROOT_KEY_TEXT.as_bytes())
            .expect("written");
        // As `root-key init` leaves it.
        std::fs::write(self.data().join("root.key.unused"), "").expect("written");
    }

    /// Returns the command that starts the program with these settings and nothing of the test's environment.
    pub fn command(&self) -> Command {
        let (program, arguments) = self.starter.split_first().expect("a program");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("KEYSTEAD_DATA_DIR", self.data())
            .env("KEYSTEAD_LOG", "warn")
            // Nothing here asks `/readyz` before it goes elsewhere, so that time would be lost.
            .env("KEYSTEAD_LAME_DUCK_SECONDS", "0")
            .env("KEYSTEAD_TRUSTED_PROXIES", "127.0.0.1")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true);
        command
    }

    /// Runs a command of the program on the host to its end.
    pub async fn host(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("an input");
        // A command that reads no input may end before this write.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.expect("it ends")
    }

    /// Creates an administrator on the command line; returns the seed of the authenticator app.
    pub async fn administrator(&self, email: &str) -> Seed {
        let made =
            self.host(&["admin", "create", "--email", email, "--stdin"], &format!("{PASSWORD}\n")).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        seed_in(&String::from_utf8_lossy(&made.stdout))
    }

    /// Creates an API key on the command line.
    pub async fn api_key(&self, name: &str, scope: &str, operations: &str) -> String {
        let words = ["api-key", "create", "--name", name, "--scope", scope, "--operations", operations];
        let made = self.host(&words, "").await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = String::from_utf8(made.stdout).expect("text").trim().to_owned();
        assert_eq!((key.len(), &key[..4]), (44, "kstd"), "the key alone is on standard output");
        key
    }

    /// Opens the test's own connections to the database.
    pub async fn db(&self) -> Db {
        match &self.database {
            None => Db::sqlite(&self.data().join("keystead.db")).await,
            Some(url) => {
                let options = PgConnectOptions::from_str(url.as_str()).expect("a PostgreSQL URL");
                Db::postgres(options, Mode::None).await
            }
        }
        .expect("the database opens")
    }

    /// Drops the database on PostgreSQL.
    pub async fn end(self) {
        if let Some(url) = &self.database {
            let name = url.path().trim_start_matches('/');
            on_postgres(&postgres(), &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Returns the program that was compiled with the tests, or the one that measurements are made of.
fn program() -> String {
    std::env::var("KEYSTEAD_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_keystead").to_owned())
}

/// Reads the seed from an `otpauth` address.
fn seed_in(text: &str) -> Seed {
    let secret = text.split("secret=").nth(1).expect("an otpauth address");
    let secret: String = secret.chars().take_while(char::is_ascii_alphanumeric).collect();
    Seed::from_base32(&SecretText::new(secret)).expect("base32")
}

/// Returns the code that the app shows now.
pub fn code(seed: &Seed) -> String {
    seed.code(Clock::system().now()).expose().to_owned()
}
