//! The data plane beside the limit of the machine and beside OpenBao.

use crate::load::{self, Data, Work};
use crate::process::{Process, free_port};
use crate::rounds::{self, Case, Figures, Pace};
use crate::{bao, wrk};
use anyhow::Result;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The servers, by the names that stand in tables.
pub const KEYSTEAD: &str = "Keystead";
pub const SILENT: &str = "Keystead without audit";
pub const SEAL: &str = "limit: hyper, AES-256-GCM";
pub const ECHO: &str = "axum, echo";
pub const BAO: &str = "OpenBao Transit";

/// Seconds of the first try to ask for every scope once.
const FILL: u32 = 4;

/// The programs that are measured.
pub struct Programs {
    pub keystead: PathBuf,
    pub limit: PathBuf,
    /// Keystead without its journal, and OpenBao: only where everything is measured.
    pub silent: Option<PathBuf>,
    pub bao: Option<PathBuf>,
}

/// What was found.
pub struct Found {
    pub figures: Vec<Figures>,
    /// Resident memory at idle, and with the keys that encrypt in memory, in MiB.
    pub idle: f64,
    pub cached: f64,
}

/// Starts Keystead on a folder of data.
///
/// # Errors
/// When it does not start.
pub fn keystead(program: &Path, folder: &Path, data: &Data) -> Result<Process> {
    let port = free_port()?;
    Process::start(program, folder, port, |command| {
        command.env_clear().env("KEYSTEAD_DATA_DIR", &data.folder);
        command.env("KEYSTEAD_LISTEN", format!("127.0.0.1:{port}"));
    })
}

fn limit(program: &Path, folder: &Path, what: &str) -> Result<Process> {
    let port = free_port()?;
    Process::start(program, folder, port, |command| {
        command.args([what, &port.to_string()]);
    })
}

/// What a kind of request is compared with, for the size of what it encrypts.
pub fn size(work: Work) -> Option<&'static str> {
    match work {
        Work::Encrypt | Work::Decrypt | Work::DecryptOldest => Some("1 KiB"),
        Work::Wrap | Work::Unwrap => Some("32 bytes"),
        Work::EncryptBatch | Work::WrapBatch | Work::UnwrapBatch => None,
    }
}

/// Measures all of it, in rounds.
///
/// # Errors
/// When a server does not start, or a request fails.
pub async fn measure(
    programs: &Programs,
    folder: &Path,
    scopes: usize,
    works: &[Work],
    pace: Pace,
) -> Result<Found> {
    let data = load::fill(folder, scopes).await?;
    // The same keys for the one that writes nothing down.
    let copy = Data { folder: folder.join("copy"), headers: data.headers.clone() };
    if programs.silent.is_some() {
        copy_folder(&data.folder, &copy.folder)?;
    }
    let server = keystead(&programs.keystead, folder, &data)?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    let idle = server.resident()?;
    let mut cached = idle;
    for (index, work) in works.iter().enumerate() {
        fill_memory(folder, &server, &data, *work)?;
        if index == 0 {
            cached = server.resident()?;
        }
    }
    let (seal, echo) = (limit(&programs.limit, folder, "seal")?, limit(&programs.limit, folder, "echo")?);
    let silent = match &programs.silent {
        Some(program) => {
            let process = keystead(program, folder, &copy)?;
            fill_memory(folder, &process, &copy, Work::Encrypt)?;
            Some(process)
        }
        None => None,
    };
    let peer = match &programs.bao {
        Some(program) => {
            let folder = folder.join("bao");
            fs::create_dir(&folder)?;
            let (process, data) = bao::start(program, &folder, scopes)?;
            Some((folder, process, data))
        }
        None => None,
    };
    let raw = [("1 KiB", load::raw(folder, load::PLAIN)?), ("32 bytes", load::raw(folder, load::DEK)?)];
    let mut cases = Vec::new();
    for connections in pace.connections.iter().copied() {
        for (work, requests) in &raw {
            for (server, process) in [(SEAL, &seal), (ECHO, &echo)] {
                let (work, requests) = ((*work).to_owned(), requests.clone());
                cases.push(Case { server, process, work, connections, headers: &[], requests });
            }
        }
        for work in works {
            let mut case = |server, process, headers, folder: &Path| {
                let (work, requests) = (work.label().to_owned(), work.file(folder));
                cases.push(Case { server, process, work, connections, headers, requests });
            };
            case(KEYSTEAD, &server, &data.headers, folder);
            if let (Some(process), Work::Encrypt) = (&silent, work) {
                case(SILENT, process, &copy.headers, folder);
            }
            if let Some((folder, process, data)) = &peer
                && *work != Work::DecryptOldest
            {
                case(BAO, process, &data.headers, folder);
            }
        }
    }
    Ok(Found { figures: rounds::run(folder, pace, &cases)?, idle, cached })
}

/// A folder of files, for somebody else.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Asks for every scope once, so that what is measured later is in memory.
fn fill_memory(folder: &Path, server: &Process, data: &Data, work: Work) -> Result<()> {
    let requests = work.file(folder);
    let target = wrk::Target { port: server.port, headers: &data.headers, requests: &requests };
    let all = fs::read_to_string(&requests)?.lines().count() as u64;
    let mut seconds = FILL;
    // Each run begins at the file's first line.
    while wrk::run(folder, &target, 16, seconds)?.requests < all {
        seconds *= 2;
    }
    Ok(())
}
