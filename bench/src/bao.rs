//! The alternative that people use today: OpenBao's Transit engine, with a token and its policy, everything in memory and no
//! audit device.

use crate::http;
use crate::load::{Data, PLAIN, VERSIONS, Work, plain};
use crate::process::{Process, free_port};
use anyhow::{Context, Result};
use data_encoding::BASE64;
use std::fs;
use std::io::Write;
use std::path::Path;

const ROOT: &str = "root-of-the-bench";
const POLICY: &str = r#"path \"transit/+/*\" { capabilities = [\"create\", \"update\"] }"#;

/// Returns OpenBao's operation for a kind of request. OpenBao has no separate operations for data keys that exist.
fn verb(work: Work) -> &'static str {
    match work {
        Work::Encrypt | Work::Wrap | Work::EncryptBatch | Work::WrapBatch => "encrypt",
        Work::Decrypt | Work::DecryptOldest | Work::Unwrap | Work::UnwrapBatch => "decrypt",
    }
}

/// Starts OpenBao and creates as many keys as Keystead has scopes, each with as many versions.
///
/// # Errors
/// When OpenBao does not start or refuses a request.
pub fn start(bao: &Path, folder: &Path, keys: usize) -> Result<(Process, Data)> {
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let process = Process::start(bao, folder, port, |command| {
        command.args(["server", "-dev", "-dev-no-store-token", "-log-level=error"]);
        command.arg(format!("-dev-root-token-id={ROOT}")).arg(format!("-dev-listen-address={address}"));
        command.env("HOME", folder);
    })?;
    let mut client = Client::open(port, ROOT)?;
    client.ask("/v1/sys/mounts/transit", r#"{"type":"transit"}"#)?;
    client.ask("/v1/sys/policies/acl/bench", &format!(r#"{{"policy":"{POLICY}"}}"#))?;
    let token = client.token(r#"{"policies":["bench"],"no_default_policy":true}"#)?;
    let mut client = Client::open(port, &token)?;
    let file = |work: Work| fs::File::create(work.file(folder)).map(std::io::BufWriter::new);
    let mut files = Vec::new();
    for work in Work::ALL {
        files.push((work, file(work)?));
    }
    for number in 0..keys {
        let mut oldest = String::new();
        for version in 1..=VERSIONS {
            let path = format!("/v1/transit/keys/k{number}");
            client.ask(&if version == 1 { path } else { format!("{path}/rotate") }, "{}")?;
            if version == 1 {
                oldest = client.encrypt(number, PLAIN)?;
            }
        }
        let (newest, wrapped) = (client.encrypt(number, PLAIN)?, client.encrypt(number, 32)?);
        for (work, file) in &mut files {
            let (field, value) = match work {
                Work::Encrypt => ("plaintext", BASE64.encode(&plain(number, PLAIN))),
                Work::Wrap | Work::EncryptBatch | Work::WrapBatch => {
                    ("plaintext", BASE64.encode(&plain(number, 32)))
                }
                Work::Decrypt => ("ciphertext", newest.clone()),
                Work::DecryptOldest => ("ciphertext", oldest.clone()),
                Work::Unwrap | Work::UnwrapBatch => ("ciphertext", wrapped.clone()),
            };
            let item = format!(r#"{{"{field}":"{value}"}}"#);
            let body = match work.items() {
                1 => item,
                many if number < keys.div_ceil(10) => {
                    format!(r#"{{"batch_input":[{}]}}"#, vec![item; many].join(","))
                }
                _ => continue,
            };
            writeln!(file, "POST /v1/transit/{}/k{number}\t{body}", verb(*work))?;
        }
    }
    for (_, file) in &mut files {
        file.flush()?;
    }
    let headers =
        [("X-Vault-Token".to_owned(), token), ("Content-Type".to_owned(), "application/json".to_owned())];
    Ok((process, Data { folder: folder.to_owned(), headers: headers.into() }))
}

/// Returns a token for sign-in with a browser. OpenBao's page would lose the root token when it is closed.
///
/// # Errors
/// When OpenBao refuses a request.
pub fn visitor(process: &Process) -> Result<String> {
    const POLICY: &str =
        r#"{"policy":"path \"*\" { capabilities = [\"read\", \"list\", \"create\", \"update\"] }"}"#;
    let mut client = Client::open(process.port, ROOT)?;
    client.ask("/v1/sys/policies/acl/visitor", POLICY)?;
    client.token(r#"{"policies":["visitor"],"ttl":"1h"}"#)
}

/// A client that sets OpenBao up, with a token.
struct Client(http::Client);

impl Client {
    fn open(port: u16, token: &str) -> Result<Self> {
        Ok(Self(http::Client::open(port, &[("X-Vault-Token".to_owned(), token.to_owned())])?))
    }

    fn ask(&mut self, path: &str, body: &str) -> Result<String> {
        self.0.ask(&format!("POST {path}"), body)
    }

    fn token(&mut self, asked: &str) -> Result<String> {
        let answer = self.ask("/v1/auth/token/create", asked)?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        Ok(answer["auth"]["client_token"].as_str().context("a token")?.to_owned())
    }

    fn encrypt(&mut self, number: usize, length: usize) -> Result<String> {
        let plain = BASE64.encode(&plain(number, length));
        let answer =
            self.ask(&format!("/v1/transit/encrypt/k{number}"), &format!(r#"{{"plaintext":"{plain}"}}"#))?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        Ok(answer["data"]["ciphertext"].as_str().context("a ciphertext")?.to_owned())
    }
}
