//! Connecting to the database. A failure says what failed, where, and what to do. It never quotes the address or the password.

use super::driver::sqlite_code;
use crate::Error;
use crate::base::disk::network_file_system;
use crate::base::error::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgPool};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Time-out of getting a connection to PostgreSQL.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Time-out of looking for the cause when the pool has none.
const LOOK: Duration = Duration::from_secs(1);
/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// The reason why the database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}. {remedy}")]
pub(super) struct NotUsable {
    pub what: String,
    pub remedy: Cow<'static, str>,
}

impl From<NotUsable> for Error {
    fn from(reason: NotUsable) -> Self {
        StoreError::Database(Box::new(reason)).into()
    }
}

/// Waits until PostgreSQL accepts a connection, because it may have been started together with Keystead. sqlx's pool waits too,
/// but forgets the cause.
pub(super) async fn wait_for(options: &PgConnectOptions) -> Result<(), Error> {
    let mut last = None;
    let connecting = async {
        loop {
            match connect(options).await {
                Err(error) if may_pass(options, &error) => last = Some(error),
                connected => return connected,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    let connected = connected.unwrap_or_else(|_| Err(last.unwrap_or(sqlx::Error::PoolTimedOut)));
    connected.map_err(|error| not_connected(options, &error))
}

async fn connect(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    options.connect().await?.close().await
}

/// Returns a result of the pool. When the pool has only waited, one request at a time looks for the cause.
pub(super) async fn or_cause<T>(pool: &PgPool, done: Result<T, sqlx::Error>) -> Result<T, Error> {
    static LOOKING: Semaphore = Semaphore::const_new(1);
    if matches!(done, Err(sqlx::Error::PoolTimedOut))
        && let Ok(_turn) = LOOKING.try_acquire()
    {
        let options = pool.connect_options();
        let connected = tokio::time::timeout(LOOK, connect(&options)).await;
        connected
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| not_connected(&options, &error))?;
    }
    Ok(done?)
}

/// Checks whether another try may help. A missing file of certificates stays missing; a missing socket may come.
fn may_pass(options: &PgConnectOptions, error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => match error.kind() {
            ErrorKind::InvalidData => false,
            ErrorKind::NotFound | ErrorKind::PermissionDenied => options.get_socket().is_some(),
            _ => true,
        },
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("53300" | "57P01" | "57P03")),
        _ => false,
    }
}

/// Returns the host and the port of a server, an IPv6 address in brackets.
pub fn host_and_port(options: &PgConnectOptions) -> String {
    let (host, port) = (options.get_host(), options.get_port());
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn not_connected(options: &PgConnectOptions, error: &sqlx::Error) -> Error {
    const ADDRESS: &str = "Start PostgreSQL there, or correct the host and the port in KEYSTEAD_DATABASE_URL";
    const FILES: &str = "Correct sslrootcert, sslcert and sslkey in KEYSTEAD_DATABASE_URL";
    const USER: &str = "Correct the user and the password in KEYSTEAD_DATABASE_URL";
    let host = options.get_host();
    let database = options.get_database().unwrap_or(options.get_username());
    let at = match options.get_socket() {
        Some(folder) => format!("{}/.s.PGSQL.{}", folder.display(), options.get_port()),
        None => host_and_port(options),
    };
    let (what, remedy) = match error {
        sqlx::Error::PoolTimedOut => (
            format!("no answer from {at}"),
            "Check that PostgreSQL runs there and that no firewall is between",
        ),
        sqlx::Error::Io(error) => match (error.kind(), options.get_socket().is_some()) {
            (ErrorKind::ConnectionRefused, _) => (format!("connection refused at {at}"), ADDRESS),
            (ErrorKind::NotFound, true) => (format!("there is no socket at {at}"), ADDRESS),
            (ErrorKind::PermissionDenied, true) => {
                (format!("no permission for {at}"), "Run Keystead as a user who may connect to this socket")
            }
            (ErrorKind::NotFound | ErrorKind::PermissionDenied, false) => {
                (format!("a file for TLS cannot be read: {error}"), FILES)
            }
            (ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable, _) => (
                format!("there is no route to {at}"),
                "Check the network, and the host in KEYSTEAD_DATABASE_URL",
            ),
            (ErrorKind::InvalidData, _) => (
                format!("TLS with {at} failed: {error}"),
                "Check the server's certificate, and set sslrootcert in KEYSTEAD_DATABASE_URL to the authority that issued it",
            ),
            // The standard library has no kind for it.
            _ if error.to_string().starts_with("failed to lookup address") => (
                format!("the host name {host} is not known"),
                "Correct the host in KEYSTEAD_DATABASE_URL, or the DNS",
            ),
            _ => (format!("the connection to {at} failed: {error}"), ADDRESS),
        },
        sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => (
            format!("the server at {at} offers no TLS"),
            "Set up TLS in postgresql.conf (ssl = on): Keystead uses no connection to another machine without it",
        ),
        sqlx::Error::Tls(error) => (format!("TLS with {at} failed: {error}"), FILES),
        sqlx::Error::Configuration(error) => {
            (format!("the settings of TLS are not complete: {error}"), FILES)
        }
        sqlx::Error::Protocol(_) => (format!("{at} does not answer as PostgreSQL does"), ADDRESS),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01") => (format!("PostgreSQL at {at} refused the password"), USER),
            Some("28000") => (
                format!("PostgreSQL at {at} does not let this user in"),
                "Create the user, allow it in pg_hba.conf, or correct the user in KEYSTEAD_DATABASE_URL",
            ),
            Some("3D000") => (
                format!("there is no database {database} at {at}"),
                "Create it (createdb), or correct the name in KEYSTEAD_DATABASE_URL",
            ),
            Some("42501") => (
                format!("this user may not connect to {database} at {at}"),
                "Grant the user CONNECT on this database",
            ),
            Some("53300") => (
                format!("PostgreSQL at {at} has no connection left"),
                "Raise max_connections in postgresql.conf, or end other clients",
            ),
            Some("57P01" | "57P02" | "57P03") => (
                format!("PostgreSQL at {at} is starting, stopping or recovering"),
                "Try again when it accepts connections",
            ),
            Some(code) if code.starts_with("28") => {
                (format!("PostgreSQL at {at} refused the connection: {}", error.message()), USER)
            }
            _ => (
                format!("PostgreSQL at {at} refused the connection: {}", error.message()),
                "Look into the log of PostgreSQL, or of the pooler before it",
            ),
        },
        error => (format!("the connection to {at} failed: {error}"), ADDRESS),
    };
    NotUsable { what, remedy: remedy.into() }.into()
}

/// Checks that SQLite can work in a folder.
///
/// # Errors
/// On a network file system, whose locks and shared memory do not hold between machines: two servers would damage the database.
pub fn check_folder(folder: &Path) -> Result<(), Error> {
    network_file_system(folder).map_or(Ok(()), |name| Err(on_network(folder, name).into()))
}

fn on_network(folder: &Path, name: &str) -> NotUsable {
    NotUsable {
        what: format!("the folder {} is on a network file system ({name}), where SQLite loses data", folder.display()),
        remedy: "Set KEYSTEAD_DATA_DIR to a folder on a local disk: stop Keystead and copy the whole folder there. Or use PostgreSQL \
                 (KEYSTEAD_DATABASE_URL)"
            .into(),
    }
}

/// Returns the error for an SQLite file that cannot be used, with the name of the file. Another error stays what it is.
pub(super) fn not_usable(file: &Path, error: sqlx::Error) -> Error {
    const OWNER: &str = "Check who owns the file and its folder, and whether they are read-only";
    let shown = file.display();
    // The system says why SQLite could not open the file. Nothing is created here.
    let refused = std::fs::File::options().read(true).write(true).open(file).err();
    let is_full =
        file.parent().is_some_and(|folder| rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail == 0));
    let (what, remedy) = match sqlite_code(&error) {
        Some(_) if file.is_dir() => {
            (format!("{shown} is a folder"), "Move it away, or set KEYSTEAD_DATA_DIR to the right folder")
        }
        Some(10 | 13 | 14) if is_full => (format!("the disk of {shown} is full"), "Make room on the disk"),
        Some(8) => (format!("{shown} cannot be written"), OWNER),
        Some(10) => (format!("{shown} cannot be read or written: {error}"), "Check the disk"),
        Some(11) => (format!("{shown} is damaged"), "Restore a backup"),
        Some(14) => match refused {
            Some(refused) if refused.kind() != ErrorKind::NotFound => {
                (format!("{shown} cannot be opened: {refused}"), OWNER)
            }
            _ => (format!("{shown} cannot be opened, or its folder cannot be written"), OWNER),
        },
        Some(26) => (
            format!("{shown} is not an SQLite database"),
            "Set KEYSTEAD_DATA_DIR to the right folder, or restore a backup",
        ),
        _ => return error.into(),
    };
    NotUsable { what, remedy: remedy.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_with_what_to_do() {
        let said = on_network(Path::new("/mnt/nas/keystead"), "NFS").to_string();
        for part in ["/mnt/nas/keystead", "network file system (NFS)", "local disk", "PostgreSQL"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(check_folder(Path::new("/proc")).is_ok());
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_before_its_port() {
        let options = PgConnectOptions::new_without_pgpass().host("::1").port(5432);
        let refused = sqlx::Error::Io(ErrorKind::ConnectionRefused.into());
        let said = not_connected(&options, &refused).to_string();
        assert!(said.contains("connection refused at [::1]:5432. Start PostgreSQL there"), "{said}");
    }
}
