//! nginx, HAProxy or Caddy before two servers, with the configuration that the README gives.

use super::free_port;
use super::pooler::unprivileged;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const README: &str = include_str!("../../../../README.md");
/// The name of the portal in the README.
pub const NAME: &str = "keystead.example.com";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Nginx,
    Haproxy,
    /// HAProxy that speaks HTTP/2 to the servers.
    HaproxyOverHttp2,
    Caddy,
}

/// A balancer that ends with the test.
pub struct Balancer {
    /// The port of plain HTTP.
    pub port: u16,
    /// The port of TLS.
    secure: u16,
    child: Child,
    _folder: TempDir,
}

/// Returns the block of the README that follows a mark.
pub fn block(mark: &str) -> String {
    let (_, after) =
        README.split_once(&format!("<!-- {mark} -->\n```{mark}\n")).expect("the mark in the README");
    after.split_once("```").expect("the end of the block").0.to_owned()
}

/// Replaces a text that is there exactly once, so that a change of the README cannot go unnoticed.
fn put(text: &mut String, from: &str, to: &str) {
    assert_eq!(text.matches(from).count(), 1, "the configuration in the README has “{from}” once");
    *text = text.replace(from, to);
}

/// Makes a certificate, with its key in the same file.
async fn certificate(folder: &Path) {
    let mut command = unprivileged("/usr/bin/openssl", folder);
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    command.args(["-subj", &format!("/CN={NAME}"), "-keyout", "keystead.pem", "-out", "certificate"]);
    let made = command.output().await.expect("setpriv runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name| folder.join(name);
    let both =
        [file("keystead.pem"), file("certificate")].map(|file| std::fs::read_to_string(file).expect("made"));
    std::fs::write(file("keystead.pem"), both.concat()).expect("written");
}

fn nginx(mut text: String, folder: &Path, port: u16, secure: u16, pem: &str) -> (String, Command) {
    put(
        &mut text,
        "listen 443 ssl http2;",
        &format!("listen 127.0.0.1:{port}; listen 127.0.0.1:{secure} ssl http2;"),
    );
    put(&mut text, "/etc/nginx/keystead.pem", pem);
    put(&mut text, "/etc/nginx/keystead.key", pem);
    // As in Debian's `nginx.conf`, with files that need no rights of root.
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of};"));
    text = format!(
        "daemon off; worker_processes 2; pid pid; error_log stderr;\nevents {{}}\n\
         http {{ access_log off; {}\n{text}}}\n",
        temporary.concat()
    );
    let mut command = unprivileged("/usr/sbin/nginx", folder);
    command.args(["-e", "stderr", "-p"]).arg(folder).args(["-c", "balancer.conf"]);
    (text, command)
}

fn haproxy(text: &str, folder: &Path) -> (String, Command) {
    let mut command = unprivileged("/usr/sbin/haproxy", folder);
    command.args(["-db", "-f", "balancer.conf"]);
    (format!("global\n    log stderr local0 notice\n    maxconn 500\n{text}"), command)
}

fn caddy(mut text: String, folder: &Path, port: u16, secure: u16, pem: &str) -> (String, Command) {
    // It asks no authority for a certificate, and keeps its files in the folder of the test.
    put(
        &mut text,
        "\tservers {",
        &format!(
            "\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tstorage file_system {}\n\
             \tlog {{\n\t\tlevel WARN\n\t}}\n\tservers {{",
            folder.join("storage").display()
        ),
    );
    let (options, site) = text.split_once(&format!("{NAME} {{\n")).expect("the site");
    let (mut secure_site, mut plain_site) = (site.to_owned(), site.to_owned());
    const TLS: &str = "\ttls /etc/caddy/keystead.pem /etc/caddy/keystead.key\n";
    put(&mut secure_site, TLS, &format!("\ttls {pem} {pem}\n"));
    put(&mut plain_site, TLS, "");
    let text = format!("{options}https://{NAME}:{secure} {{\n{secure_site}\nhttp://:{port} {{\n{plain_site}");
    let mut command = unprivileged("/usr/bin/caddy", folder);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    command.args(["run", "--config", "balancer.conf", "--adapter", "caddyfile"]);
    (text, command)
}

impl Balancer {
    pub async fn start(kind: Kind, servers: [u16; 2]) -> Self {
        let folder =
            tempfile::Builder::new().prefix("keystead-balancer-").tempdir_in("/tmp").expect("a folder");
        certificate(folder.path()).await;
        let (port, secure) = (free_port(), free_port());
        let pem = folder.path().join("keystead.pem").display().to_string();
        let mut text = block(match kind {
            Kind::Nginx => "nginx",
            Kind::Haproxy | Kind::HaproxyOverHttp2 => "haproxy",
            Kind::Caddy => "caddy",
        });
        for (name, server) in ["10.0.0.11:3000", "10.0.0.12:3000"].into_iter().zip(servers) {
            put(&mut text, name, &format!("127.0.0.1:{server}"));
        }
        // The load goes over plain HTTP, because the clients of the tests have no TLS; TLS stays, on a port of its own.
        let (text, command) = match kind {
            Kind::Nginx => nginx(text, folder.path(), port, secure, &pem),
            Kind::Haproxy | Kind::HaproxyOverHttp2 => {
                put(
                    &mut text,
                    "bind :443 ssl",
                    &format!("bind 127.0.0.1:{port}\n    bind 127.0.0.1:{secure} ssl"),
                );
                put(&mut text, "/etc/haproxy/keystead.pem", &pem);
                if kind == Kind::HaproxyOverHttp2 {
                    put(&mut text, "default-server check", "default-server proto h2 check");
                }
                put(&mut text, "mode http", "mode http\n    log global");
                haproxy(&text, folder.path())
            }
            Kind::Caddy => caddy(text, folder.path(), port, secure, &pem),
        };
        Self::run(&text, command, folder, port, secure).await
    }

    /// Starts HAProxy with a configuration of the test, which listens on a port.
    pub async fn haproxy(text: &str, port: u16) -> Self {
        let folder =
            tempfile::Builder::new().prefix("keystead-balancer-").tempdir_in("/tmp").expect("a folder");
        let (text, command) = haproxy(text, folder.path());
        Self::run(&text, command, folder, port, 0).await
    }

    async fn run(text: &str, mut command: Command, folder: TempDir, port: u16, secure: u16) -> Self {
        std::fs::write(folder.path().join("balancer.conf"), text).expect("written");
        let child = command.spawn().expect("setpriv runs");
        let mut balancer = Self { port, secure, child, _folder: folder };
        balancer.ready().await;
        balancer
    }

    async fn ready(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            let ended = self.child.try_wait().expect("its state");
            assert_eq!(
                ended, None,
                "the balancer does not start (apt-get install nginx-light haproxy caddy)"
            );
            assert!(began.elapsed() < Duration::from_secs(10), "the balancer does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a request over TLS, under the name of the README; returns the answer.
    pub async fn ask_over_tls(&self, request: &str) -> String {
        let mut command = Command::new("/usr/bin/openssl");
        command.args([
            "s_client",
            "-quiet",
            "-connect",
            &format!("127.0.0.1:{}", self.secure),
            "-servername",
            NAME,
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("openssl runs");
        let mut stdin = child.stdin.take().expect("an input");
        stdin.write_all(request.as_bytes()).await.expect("sent");
        // The end of the input does not end `-quiet`; the answer does.
        let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await;
        String::from_utf8_lossy(&output.expect("an answer").expect("an output").stdout).into_owned()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // The master process of nginx ends its workers when it is told to, and not when it is killed.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
            let began = Instant::now();
            while self.child.try_wait().is_ok_and(|ended| ended.is_none())
                && began.elapsed() < Duration::from_secs(2)
            {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
