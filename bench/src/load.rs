//! The load of the measurements: a home full of scopes, and files of requests.

use crate::home::Home;
use crate::process::Process;
use crate::rounds::MANY;
use crate::wrk::{self, Run, Target};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use data_encoding::BASE64;
use domain::data::operation::Operation;
use domain::scopes::scope::ScopeName;
use domain::services::api_key::{Lifetime, Reach};
use engine::{Clock, Portal};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of a plaintext.
pub const PLAIN: usize = 1024;
/// Bytes of a data key.
pub const DEK: usize = 32;
/// Number of items of a batch.
pub const BATCH: usize = 100;
/// Number of versions of each scope.
pub const VERSIONS: u32 = 3;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Encrypt,
    Decrypt,
    DecryptOldest,
    Wrap,
    Unwrap,
    EncryptBatch,
    WrapBatch,
    UnwrapBatch,
}

impl Work {
    pub const ALL: [Self; 8] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::DecryptOldest,
        Self::Wrap,
        Self::Unwrap,
        Self::EncryptBatch,
        Self::WrapBatch,
        Self::UnwrapBatch,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt 1 KiB",
            Self::Decrypt => "decrypt 1 KiB, newest version",
            Self::DecryptOldest => "decrypt 1 KiB, oldest version",
            Self::Wrap => "wrap 32 bytes",
            Self::Unwrap => "unwrap 32 bytes",
            Self::EncryptBatch => "encrypt a batch of 100, 32 bytes each",
            Self::WrapBatch => "wrap a batch of 100",
            Self::UnwrapBatch => "unwrap a batch of 100",
        }
    }

    pub fn items(self) -> usize {
        match self {
            Self::EncryptBatch | Self::WrapBatch | Self::UnwrapBatch => BATCH,
            _ => 1,
        }
    }

    /// Returns the operation of the native door.
    pub fn operation(self) -> Operation {
        match self {
            Self::Encrypt | Self::EncryptBatch => Operation::Encrypt,
            Self::Decrypt | Self::DecryptOldest => Operation::Decrypt,
            Self::Wrap | Self::WrapBatch => Operation::Wrap,
            Self::Unwrap | Self::UnwrapBatch => Operation::Unwrap,
        }
    }

    pub fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("{self:?}.requests"))
    }
}

/// The requests for a server: files in a folder, and the headers to send with them.
pub struct Data {
    pub folder: PathBuf,
    pub headers: Vec<(String, String)>,
}

impl Data {
    /// Sends this kind of request alone to the server on this port, for `seconds`. Each run begins at the file's first line.
    ///
    /// # Errors
    /// When a request fails.
    pub fn run(&self, port: u16, work: Work, connections: u32, seconds: u32) -> Result<Run> {
        let requests = work.file(&self.folder);
        let target = Target { port, headers: &self.headers, requests: &requests };
        wrk::run(&self.folder, &target, connections, seconds)
    }

    /// Sends a request for every scope, so that the keys are in memory for later measurements.
    ///
    /// # Errors
    /// When a request fails.
    pub fn fill_memory(&self, server: &Process, work: Work) -> Result<()> {
        /// Duration of the first try, in seconds.
        const FIRST: u32 = 4;
        let all = fs::read_to_string(work.file(&self.folder))?.lines().count() as u64;
        let mut seconds = FIRST;
        while self.run(server.port, work, MANY, seconds)?.requests < all {
            seconds *= 2;
        }
        Ok(())
    }
}

/// Returns the plaintext with this number: no two of them are alike.
pub fn plain(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (number.wrapping_mul(31).wrapping_add(at.wrapping_mul(7)) >> 3) as u8).collect()
}

/// Fills a home with `scopes` scopes, an API key that reaches them all, and a file for each of these kinds of request.
///
/// # Errors
/// When the disk or the engine fails.
pub async fn fill(home: &Home, scopes: usize, works: &[Work]) -> Result<Data> {
    let portal = home.portal(Clock::system()).await?;
    let names = portal.bulk(scopes, VERSIONS, TimeDelta::zero()).await?;
    let data = ask_for(&portal, &names, works, home.folder()).await?;
    portal.close().await;
    Ok(data)
}

/// Makes an API key that reaches these scopes, and a file for each of these kinds of request.
///
/// # Errors
/// When the disk or the engine fails.
pub async fn ask_for(portal: &Portal, names: &[ScopeName], works: &[Work], folder: &Path) -> Result<Data> {
    let environments: BTreeSet<_> = names.iter().map(|name| name.environment.clone()).collect();
    let reach = environments.into_iter().map(|environment| Reach { environment, country: None });
    let reach: Vec<Reach> = reach.collect();
    let operations = Operation::ALL.to_vec();
    let key = portal
        .services()
        .create_api_key_on_host("bench", &reach, operations, Lifetime::Days30, |_| Ok(()))
        .await?;
    for work in works.iter().copied() {
        let mut file = std::io::BufWriter::new(fs::File::create(work.file(folder))?);
        // A file of batches is large, and the generator has to read it: a tenth of the scopes suffices.
        let many = if work.items() > 1 { names.len().div_ceil(10) } else { names.len() };
        for (number, name) in names.iter().take(many).enumerate() {
            let body = body(portal, name, number, work).await?;
            writeln!(file, "POST /api/v1/scopes/{name}/{}\t{body}", work.operation().word())?;
        }
        file.flush()?;
    }
    let headers = [
        ("Authorization", format!("ApiKey {}", key.expose())),
        ("Content-Type", "application/json".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    Ok(Data { folder: folder.to_owned(), headers })
}

async fn body(portal: &Portal, name: &ScopeName, number: usize, work: Work) -> Result<String> {
    let item = match work {
        Work::Encrypt => ("plaintext", plain(number, PLAIN)),
        Work::EncryptBatch => ("plaintext", plain(number, DEK)),
        Work::Decrypt => ("ciphertext", portal.sealed_under(name, VERSIONS, &plain(number, PLAIN)).await?),
        Work::DecryptOldest => ("ciphertext", portal.sealed_under(name, 1, &plain(number, PLAIN)).await?),
        Work::Wrap | Work::WrapBatch => ("dek", plain(number, DEK)),
        Work::Unwrap | Work::UnwrapBatch => {
            let dek: [u8; DEK] = plain(number, DEK).try_into().ok().context("a data key")?;
            ("edek", portal.wrapped_under(name, VERSIONS, &dek).await?)
        }
    };
    let item = format!(r#"{{"{}":"{}"}}"#, item.0, BASE64.encode(&item.1));
    Ok(match work.items() {
        1 => item,
        many => format!(r#"{{"items":[{}]}}"#, vec![item; many].join(",")),
    })
}

/// Writes a file of requests with raw bodies, for the limits: a body without a line break.
///
/// # Errors
/// When it cannot be written.
pub fn raw(folder: &Path, length: usize) -> Result<PathBuf> {
    let path = folder.join(format!("raw-{length}.requests"));
    fs::write(&path, format!("POST /\t{}\n", "k".repeat(length)))?;
    Ok(path)
}
