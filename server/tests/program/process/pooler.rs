//! PgBouncer in transaction mode, before the PostgreSQL server of the tests.

use super::{free_port, home};
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A PgBouncer that ends with the test.
pub struct Pooler {
    port: u16,
    _child: Child,
    _folder: TempDir,
}

/// Returns the command of a program that refuses to run with root's rights; it runs without them.
pub fn unprivileged(program: &str, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, user("postgres").into(), None).expect("a folder of its own");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig=QUIT", "--", program]).current_dir(folder).kill_on_drop(true);
    command
}

fn user(name: &str) -> u32 {
    let users = std::fs::read_to_string("/etc/passwd").expect("the users");
    let line = users.lines().find_map(|line| line.strip_prefix(&format!("{name}:x:"))).expect("the user");
    line.split(':').next().and_then(|id| id.parse().ok()).expect("a number")
}

impl Pooler {
    pub async fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("keystead-pgbouncer-").tempdir_in("/tmp").expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let server = home::postgres();
        let host = server.query_pairs().find_map(|(name, host)| (name == "host").then(|| host.into_owned()));
        let host = host.or_else(|| server.host_str().map(str::to_owned)).expect("a host");
        let port = free_port();
        let mut text = format!("[databases]\n* = host={host}");
        if let Some(port) = server.port() {
            let _ = write!(text, " port={port}");
        }
        let _ = write!(
            text,
            " user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 10\nmax_client_conn = 200\n",
            server.username()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, text).expect("a file");
        let child = unprivileged(PROGRAM, folder.path()).arg("-q").arg(&file).spawn().expect("setpriv runs");
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "PgBouncer does not start (apt-get install pgbouncer)"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { port, _child: child, _folder: folder }
    }

    /// Returns the address through the pooler for a direct address of PostgreSQL.
    pub fn before(&self, direct: &Url) -> Url {
        let mut url = direct.clone();
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url
    }
}
