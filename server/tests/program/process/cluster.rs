//! A separate PostgreSQL server, for tests that stop it.

use super::pooler::unprivileged;
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;
use url::Url;

/// A PostgreSQL server that ends with the test.
pub struct Cluster {
    port: u16,
    programs: PathBuf,
    child: Option<Child>,
    folder: TempDir,
}

impl Cluster {
    pub async fn start() -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
        let programs = versions.flatten().map(|version| version.path().join("bin"));
        let programs =
            programs.filter(|bin| bin.join("initdb").exists()).max().expect("PostgreSQL is installed");
        let folder =
            tempfile::Builder::new().prefix("keystead-cluster-").tempdir_in("/tmp").expect("a folder");
        let mut cluster = Self { port: super::free_port(), programs, child: None, folder };
        let made = cluster
            .program("initdb")
            .args([
                "--username=keystead",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "data",
            ])
            .stdout(Stdio::null())
            .status();
        assert!(made.await.expect("initdb runs").success());
        cluster.go_on().await;
        cluster
    }

    fn program(&self, name: &str) -> tokio::process::Command {
        let path = self.programs.join(name);
        unprivileged(path.to_str().expect("a path"), self.folder.path())
    }

    pub fn url(&self) -> Url {
        format!("postgres://keystead@127.0.0.1:{}/postgres", self.port).parse().expect("a URL")
    }

    /// Starts the server and waits until it listens.
    pub async fn go_on(&mut self) {
        let mut command = self.program("postgres");
        command.args([
            "-D",
            "data",
            "-k",
            "",
            "-c",
            "listen_addresses=127.0.0.1",
            "-p",
            &self.port.to_string(),
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("postgres runs"));
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "PostgreSQL does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the server: SIGINT ends it after it cuts every connection, SIGQUIT ends it as a crash does.
    pub async fn stop(&mut self, signal: Signal) {
        let mut child = self.child.take().expect("it runs");
        let id = child.id().expect("it runs").cast_signed();
        kill_process(Pid::from_raw(id).expect("a process"), signal).expect("a signal");
        child.wait().await.expect("it ends");
    }
}
