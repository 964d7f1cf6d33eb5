//! A PostgreSQL of our own for the tests: in a temporary folder, reachable through a socket in it and nowhere else.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::{interrupt, progress, shell};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running cluster; stopped and removed when dropped.
pub struct Cluster {
    server: Child,
    folder: TempDir,
}

impl Cluster {
    /// Makes the cluster and waits until it answers.
    pub fn start() -> Result<Self> {
        let programs = programs().context("PostgreSQL is missing: run `cargo xtask setup --browser`")?;
        progress::say("PostgreSQL", "making a cluster for the tests …");
        let folder = folder()?;
        let data = folder.path().join("data");
        shell::quiet(
            unprivileged(&folder)
                .arg(programs.join("initdb"))
                .args(["--username=keystead", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
                .arg(&data),
        )
        .context("the PostgreSQL cluster could not be made")?;
        let server = launch(&programs, &folder, &data)?;
        // From here on `drop` ends the server, also when it does not answer.
        let mut cluster = Self { server, folder };
        cluster.await_answer(&programs)?;
        Ok(cluster)
    }

    /// Returns the address to which the tests connect, as a superuser who may create databases.
    pub fn url(&self) -> String {
        format!("postgres://keystead@localhost/postgres?host={}", self.folder.path().display())
    }

    fn await_answer(&mut self, programs: &Path) -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < PATIENCE && !interrupt::happened() {
            let mut question = Command::new(programs.join("pg_isready"));
            if shell::answer(question.arg("--host").arg(self.folder.path())).is_some() {
                return Ok(());
            }
            if self.server.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("PostgreSQL did not start; it said\n{log}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGQUIT is PostgreSQL's "immediate" shutdown: nothing in there is worth a checkpoint. Both calls fail only when the
        // server has ended by itself.
        let _ = kill_process(Pid::from_child(&self.server), Signal::QUIT);
        let _ = self.server.wait();
    }
}

/// Returns the programs of the newest PostgreSQL that Debian has installed.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions
        .filter_map(|version| {
            Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path().join("bin")))
        })
        // Debian's package of the client alone leaves a folder without `initdb`.
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max_by_key(|(number, _)| *number)
        .map(|(_, bin)| bin)
}

/// Makes the folder in `/tmp`, whatever `TMPDIR` says: user postgres must be able to enter, and a socket's path has 107 bytes
/// at most.
fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("keystead-postgres-").tempdir_in("/tmp")?;
    if geteuid().is_root() {
        shell::quiet(Command::new("chown").arg("postgres:postgres").arg(folder.path()))?;
    }
    Ok(folder)
}

/// Returns the beginning of a command that runs without root's rights, because PostgreSQL refuses to run with them. The command
/// ends with this process, even when this process is killed.
fn unprivileged(folder: &TempDir) -> Command {
    let mut command = Command::new("setpriv");
    if geteuid().is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig=QUIT", "--"]).current_dir(folder.path());
    command
}

fn launch(programs: &Path, folder: &TempDir, data: &Path) -> Result<Child> {
    let log = File::create(folder.path().join("log"))?;
    let mut command = unprivileged(folder);
    command.arg(programs.join("postgres")).arg("-D").arg(data).arg("-k").arg(folder.path());
    // The data ends with the tests, so it need not survive a crash. Many tests run at once, each with connections of its own,
    // and PostgreSQL permits 100 unless told otherwise.
    for setting in [
        "listen_addresses=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=200",
    ] {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // A process group of its own, so that Ctrl-C in a terminal reaches the tests only, which still need their database to clean
    // up.
    command.process_group(0).spawn().context("PostgreSQL could not be started")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_answers_through_its_address_and_is_gone_afterwards() {
        let programs = programs().expect("cargo xtask test installs PostgreSQL");
        let cluster = Cluster::start().unwrap();
        let folder = cluster.folder.path().to_path_buf();
        let settings = "select current_setting('max_connections') || current_setting('fsync')";
        let mut question = Command::new(programs.join("psql"));
        let answer = shell::answer(question.args(["--no-psqlrc", "-Atc", settings, &cluster.url()]));
        assert_eq!(answer.as_deref(), Some("200off"));
        drop(cluster);
        assert!(!folder.exists());
    }
}
