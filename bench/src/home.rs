//! A separate portal on either database: the bench fills it in process, then the real program serves it.

use crate::process::{Process, free_port};
use anyhow::Result;
use engine::changes::totp::Seed;
use engine::store::{Db, PgConnectOptions, Pooler};
use engine::testing::look::execute;
use engine::testing::{PASSWORD, ROOT_KEY_TEXT, from, root_key};
use engine::{Clock, NewSession, Portal, SecretText, Settings};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub struct Home {
    folder: PathBuf,
    database: Option<Database>,
}

/// A PostgreSQL database that was made for this home.
struct Database {
    cluster: PgConnectOptions,
    name: String,
    url: String,
}

impl Home {
    /// Makes a home in a new folder of this name; with `postgres`, the address of a cluster, in a new database there.
    ///
    /// # Errors
    /// When disk or cluster fail.
    pub async fn new(folder: &Path, name: &str, postgres: Option<&str>) -> Result<Self> {
        let folder = folder.join(name);
        make_data(&folder.join("data"))?;
        let database = match postgres {
            Some(url) => Some(Database::new(url, &format!("bench_{name}_{}", std::process::id())).await?),
            None => None,
        };
        Ok(Self { folder, database })
    }

    /// Returns the folder around the data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens connections of our own.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn db(&self) -> Result<Db> {
        Ok(match &self.database {
            None => Db::sqlite(&self.folder.join("data/keystead.db")).await?,
            Some(database) => Db::postgres(PgConnectOptions::from_str(&database.url)?, Pooler::None).await?,
        })
    }

    /// # Errors
    /// When it does not open.
    pub async fn portal(&self, clock: Clock) -> Result<Portal> {
        self.portal_with(clock, Settings::default()).await
    }

    /// # Errors
    /// When it does not open.
    pub async fn portal_with(&self, clock: Clock, settings: Settings) -> Result<Portal> {
        Ok(Portal::open(self.db().await?, &root_key(), clock, settings).await?)
    }

    /// Copies the home to a folder beside it: only a home on SQLite that no server uses.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn copy(&self, folder: &Path, name: &str) -> Result<Self> {
        let folder = folder.join(name);
        let data = folder.join("data");
        make_data(&data)?;
        fs::copy(self.folder.join("data/keystead.db"), data.join("keystead.db"))?;
        Ok(Self { folder, database: None })
    }

    /// Starts the program on it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, program: &Path) -> Result<Process> {
        self.start_with(program, &[])
    }

    /// Starts the program on it, with these settings.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(&self, program: &Path, settings: &[(&str, &str)]) -> Result<Process> {
        self.start_in(program, "data", settings)
    }

    /// Starts a second server on the same database.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_second(&self, program: &Path) -> Result<Process> {
        let data = self.folder.join("second");
        if !data.exists() {
            make_data(&data)?;
        }
        self.start_in(program, "second", &[])
    }

    fn start_in(&self, program: &Path, data: &str, settings: &[(&str, &str)]) -> Result<Process> {
        let port = free_port()?;
        Process::start(program, &self.folder, port, |command| {
            command.env_clear().env("KEYSTEAD_DATA_DIR", self.folder.join(data));
            command.env("KEYSTEAD_LISTEN", format!("127.0.0.1:{port}"));
            command.env("KEYSTEAD_LAME_DUCK_SECONDS", "0");
            command.envs(self.database.iter().map(|database| ("KEYSTEAD_DATABASE_URL", &database.url)));
            command.envs(settings.iter().copied());
        })
    }

    /// Removes the home.
    ///
    /// # Errors
    /// When the cluster fails.
    pub async fn end(self) -> Result<()> {
        fs::remove_dir_all(&self.folder)?;
        if let Some(Database { cluster, name, .. }) = self.database {
            let db = Db::postgres(cluster, Pooler::None).await?;
            execute(&db, &format!("DROP DATABASE {name} WITH (FORCE)")).await?;
            db.close().await;
        }
        Ok(())
    }
}

/// Makes a new data folder, with the root key of all homes in it.
fn make_data(data: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let mut key = fs::OpenOptions::new();
    let mut key = key.write(true).create_new(true).mode(0o600).open(data.join("root.key"))?;
    Ok(key.write_all(ROOT_KEY_TEXT.as_bytes())?)
}

/// Makes an administrator, and signs them in.
///
/// # Errors
/// When the engine fails.
pub async fn sign_in(portal: &Portal) -> Result<(NewSession, Seed)> {
    const EMAIL: &str = "ada@example.com";
    let (seed, _) =
        portal.administrators().create(EMAIL, SecretText::new(PASSWORD), None, |_, _| Ok(())).await?;
    let half =
        portal.people().check_password(EMAIL, SecretText::new(PASSWORD), from("127.0.0.1"), None).await?;
    let session = portal.people().check_sign_in_code(&half.session, &seed.code(portal.now())).await?;
    Ok((session, seed))
}

impl Database {
    async fn new(cluster: &str, name: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(cluster)?;
        let db = Db::postgres(options.clone(), Pooler::None).await?;
        execute(&db, &format!("CREATE DATABASE {name}")).await?;
        db.close().await;
        let (path, query) = cluster.split_once('?').unwrap_or((cluster, ""));
        let host = path.rsplit_once('/').map_or(path, |(host, _)| host);
        Ok(Self { cluster: options, name: name.to_owned(), url: format!("{host}/{name}?{query}") })
    }
}
