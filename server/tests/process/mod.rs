//! The real binary on a folder and a port of its own, and a client that says exactly what it is told.

use engine::SecretText;
use engine::totp::Seed;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "seven quiet otters paint bridges";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// A running Keystead with one administrator. It ends with the test.
pub struct Keystead {
    pub port: u16,
    child: Child,
    _data: TempDir,
}

fn command(data: &TempDir, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
    command
        .env_clear()
        .env("KEYSTEAD_DATA_DIR", data.path().join("data"))
        .env("KEYSTEAD_LISTEN", format!("127.0.0.1:{port}"))
        .env("KEYSTEAD_LOG", "warn")
        .env("KEYSTEAD_TRUSTED_PROXIES", "127.0.0.1")
        .kill_on_drop(true);
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Keystead {
    pub async fn start() -> Self {
        let (data, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let mut create = command(&data, port)
            .args(["admin", "create", "--email", EMAIL, "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut input = create.stdin.take().expect("an input");
        input.write_all(format!("{PASSWORD}\n{SECRET}\n").as_bytes()).await.expect("it reads");
        drop(input);
        assert!(create.wait().await.expect("it ends").success());
        let child = command(&data, port).stdout(Stdio::null()).spawn().expect("the binary runs");
        let keystead = Self { port, child, _data: data };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "Keystead does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        keystead
    }

    /// Signs the administrator in; answers with the cookie.
    pub async fn sign_in(&self) -> String {
        let first = Raw::sign_in(self.port, EMAIL, PASSWORD).await;
        let half = first.cookie().unwrap_or_else(|| panic!("the password was right: {}", first.text));
        let seed = Seed::from_base32(&SecretText::new(SECRET)).expect("base32");
        let code = seed.code(engine::Clock::system().now());
        let form = format!("code={}", code.expose());
        let second = Raw::post(self.port, "/sign-in/code", &half, &form).await;
        second.cookie().unwrap_or_else(|| panic!("the code was right: {}", second.text))
    }

    /// Sign-ins with an unknown name, as the pages of the audit log tell them.
    pub async fn failed_sign_ins(&self, cookie: &str) -> usize {
        let (mut count, mut path) = (0, "/audit".to_owned());
        loop {
            let page = Raw::get(self.port, &path, cookie).await.text;
            count += page.matches("unknown e-mail").count();
            let Some(older) = page.split("/audit?before=").nth(1) else { return count };
            let number: String = older.chars().take_while(char::is_ascii_digit).collect();
            path = format!("/audit?before={number}");
        }
    }

    fn proc(&self, name: &str) -> std::path::PathBuf {
        format!("/proc/{}/{name}", self.child.id().expect("it runs")).into()
    }

    /// The most memory it ever had.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).expect("its files").count()
    }
}

/// What came back.
pub struct RawAnswer {
    pub status: u16,
    pub text: String,
}

impl RawAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn cookie(&self) -> Option<String> {
        let pair = self.header("set-cookie")?.split(';').next()?;
        pair.starts_with("keystead=").then(|| pair.to_owned())
    }
}

/// A connection.
pub struct Raw(TcpStream);

impl Raw {
    pub async fn connect(port: u16) -> Self {
        Self(TcpStream::connect(("127.0.0.1", port)).await.expect("a connection"))
    }

    /// Whether the other side still listens.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = tokio::time::timeout(Duration::from_secs(10), self.0.write_all(bytes)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Listens for a while; whether the connection was closed meanwhile.
    pub async fn closed_within(&mut self, patience: Duration, said: &mut Vec<u8>) -> bool {
        let listen = async { while self.0.read_buf(said).await.is_ok_and(|count| count > 0) {} };
        tokio::time::timeout(patience, listen).await.is_ok()
    }

    pub async fn rest(&mut self, patience: Duration) -> String {
        let mut said = Vec::new();
        let _ = tokio::time::timeout(patience, self.0.read_to_end(&mut said)).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    /// What comes first.
    pub async fn some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        let count = self.0.read(&mut bytes).await.expect("an answer");
        bytes.truncate(count);
        bytes
    }

    async fn ask(port: u16, request: String) -> RawAnswer {
        let mut raw = Self::connect(port).await;
        raw.send(request.as_bytes()).await;
        let text = raw.rest(Duration::from_secs(30)).await;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        RawAnswer { status, text }
    }

    pub async fn get(port: u16, path: &str, cookie: &str) -> RawAnswer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
        Self::ask(port, format!("{head}Cookie: {cookie}\r\n\r\n")).await
    }

    pub async fn post(port: u16, path: &str, cookie: &str, form: &str) -> RawAnswer {
        Self::post_with(port, path, &format!("Cookie: {cookie}\r\n"), form).await
    }

    async fn post_with(port: u16, path: &str, more: &str, form: &str) -> RawAnswer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        Self::ask(port, format!("{head}{more}\r\n{form}")).await
    }

    pub async fn sign_in(port: u16, email: &str, password: &str) -> RawAnswer {
        Self::sign_in_from(port, 0, email, password).await
    }

    /// Through a proxy, so that each may come from a network of its own.
    pub async fn sign_in_from(port: u16, network: u16, email: &str, password: &str) -> RawAnswer {
        let [high, low] = network.to_be_bytes();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", email)
            .append_pair("password", password)
            .finish();
        Self::post_with(port, "/sign-in", &format!("X-Forwarded-For: 10.1.{high}.{low}\r\n"), &form).await
    }
}
