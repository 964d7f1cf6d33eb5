//! The real binary on a folder and a port of its own.

pub mod balancer;
pub mod cluster;
#[path = "../../common/mod.rs"]
pub mod common;
mod home;
pub mod kept;
mod past;
pub mod pooler;
mod raw;
pub mod wire;

pub use home::{Home, PASSWORD, code, on_postgres, postgres};
pub use past::Past;
pub use raw::{Raw, RawAnswer};

use engine::changes::totp::Seed;
use engine::testing::look;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::process::Child;

pub const EMAIL: &str = "ada@example.com";

/// A Keystead process, which ends with the test.
pub struct Keystead {
    pub port: u16,
    pub home: Home,
    /// The administrator's authenticator app, where [`Keystead::start`] made one.
    seed: Option<Seed>,
    child: Option<Child>,
}

/// Returns a free port below the system's ephemeral ports, and apart from the ports of other
/// running tests, each of which has its own process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ports = std::iter::repeat_with(|| {
        let port = 20_000 + std::process::id() % 1_200 * 10 + NEXT.fetch_add(1, Ordering::Relaxed) % 10;
        u16::try_from(port).expect("a port")
    });
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.by_ref().take(10).find(is_free).expect("a free port")
}

impl Keystead {
    /// Starts a server with one administrator, on SQLite.
    pub async fn start() -> Self {
        let home = Home::new(engine::testing::DatabaseKind::Sqlite).await;
        let seed = home.administrator(EMAIL).await;
        Self { seed: Some(seed), ..Self::on(home).await }
    }

    pub async fn on(home: Home) -> Self {
        let mut keystead = Self::idle(home);
        keystead.start_again().await;
        keystead
    }

    /// Creates a server that does not run yet.
    pub fn idle(home: Home) -> Self {
        Self { port: free_port(), home, seed: None, child: None }
    }

    /// Starts the server and waits until it is ready; returns how long that took.
    pub async fn start_again(&mut self) -> Duration {
        let began = Instant::now();
        self.launch();
        self.ready().await;
        began.elapsed()
    }

    /// Starts the server without waiting.
    pub fn launch(&mut self) {
        let mut command = self.home.command();
        command.env("KEYSTEAD_LISTEN", format!("127.0.0.1:{}", self.port));
        if let Some(log) = &self.home.log {
            let log = std::fs::File::options().append(true).create(true).open(log).expect("a log");
            command.stderr(log);
        }
        self.child = Some(command.stdout(Stdio::null()).spawn().expect("the binary runs"));
    }

    pub async fn ready(&mut self) {
        let began = Instant::now();
        while Raw::try_get(self.port, "/readyz", "").await.is_none_or(|answer| answer.status != 200) {
            let child = self.child.as_mut().expect("it was started");
            assert_eq!(child.try_wait().expect("its state"), None, "Keystead ended by itself");
            assert!(began.elapsed() < Duration::from_secs(20), "Keystead does not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends SIGKILL and waits for the end.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it was started");
        child.kill().await.expect("it is killed");
    }

    /// Sends SIGTERM; returns the exit status, and how long the end took.
    pub async fn stop(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.signal(Signal::TERM);
        let mut child = self.child.take().expect("it was started");
        (child.wait().await.expect("it ends"), began.elapsed())
    }

    /// Waits until the server has ended by itself.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it was started");
        let ended = tokio::time::timeout(patience, child.wait()).await;
        ended.expect("it ends by itself").expect("its status")
    }

    /// Sends a signal such as SIGSTOP or SIGCONT.
    pub fn signal(&self, signal: Signal) {
        let id = self.id().cast_signed();
        kill_process(Pid::from_raw(id).expect("a process"), signal).expect("a signal");
    }

    fn id(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// Signs the administrator in; returns the cookie.
    pub async fn sign_in(&self) -> String {
        self.sign_in_as(EMAIL, self.seed.as_ref().expect("an administrator")).await
    }

    pub async fn sign_in_as(&self, email: &str, seed: &Seed) -> String {
        let first = Raw::sign_in(self.port, email, PASSWORD).await;
        let half = first.cookie().unwrap_or_else(|| panic!("the password was right: {}", first.text));
        let second = Raw::post(self.port, "/sign-in/code", &half, &format!("code={}", code(seed))).await;
        second.cookie().unwrap_or_else(|| panic!("the code was right: {}", second.text))
    }

    /// Counts the failed sign-ins of strangers, each with a name and from a network of its own: both have a counter that says 1.
    pub async fn failed_sign_ins(&self) -> i64 {
        let db = self.home.db().await;
        let counted = look::number(&db, "SELECT COUNT(*) FROM throttle WHERE failures = 1").await;
        db.close().await;
        counted / 2
    }

    fn proc(&self, name: &str) -> std::path::PathBuf {
        format!("/proc/{}/{name}", self.id()).into()
    }

    /// Returns the peak of its resident memory.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).expect("its files").count()
    }
}
