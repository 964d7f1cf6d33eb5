//! Measures the data plane beside the limit of the machine and beside OpenBao.

use crate::bao;
use crate::home::Home;
use crate::load::{self, Work};
use crate::process::{Process, free_port};
use crate::rounds::{self, Case, Figures, Pace};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// Names of the servers in the tables.
pub const KEYSTEAD: &str = "Keystead";
pub const SILENT: &str = "Keystead without audit";
pub const SEAL: &str = "limit: hyper, AES-256-GCM";
pub const ECHO: &str = "axum, echo";
pub const BAO: &str = "OpenBao Transit";

/// The programs that are measured.
pub struct Programs {
    pub keystead: PathBuf,
    pub limit: PathBuf,
    /// Keystead without its journal, and OpenBao: only where everything is measured.
    pub silent: Option<PathBuf>,
    pub bao: Option<PathBuf>,
}

/// The results.
pub struct Found {
    pub figures: Vec<Figures>,
    /// Resident memory in MiB: at idle, and with every key that encrypts in memory.
    pub idle: f64,
    pub cached: f64,
}

fn limit(program: &Path, folder: &Path, what: &str) -> Result<Process> {
    let port = free_port()?;
    Process::start(program, folder, port, |command| {
        command.args([what, &port.to_string()]);
    })
}

/// Returns the request with which the limits are measured for comparison, by the size of its plaintext.
pub fn size(work: Work) -> Option<&'static str> {
    match work {
        Work::Encrypt | Work::Decrypt | Work::DecryptOldest => Some("1 KiB"),
        Work::Wrap | Work::Unwrap => Some("32 bytes"),
        Work::EncryptBatch | Work::WrapBatch | Work::UnwrapBatch => None,
    }
}

/// Measures all servers, in rounds.
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
    let home = Home::new(folder, "keystead", None).await?;
    let data = load::fill(&home, scopes, works).await?;
    // A copy of the same keys for the server without a journal, made while no server uses them.
    let silent = match &programs.silent {
        Some(program) => Some((program, home.copy(folder, "silent")?)),
        None => None,
    };
    let server = home.start(&programs.keystead)?;
    std::thread::sleep(std::time::Duration::from_secs(2));
    let idle = server.resident()?;
    let mut cached = idle;
    for (index, work) in works.iter().enumerate() {
        data.fill_memory(&server, *work)?;
        if index == 0 {
            cached = server.resident()?;
        }
    }
    let (seal, echo) = (limit(&programs.limit, folder, "seal")?, limit(&programs.limit, folder, "echo")?);
    let silent = match silent {
        Some((program, copy)) => {
            let process = copy.start(program)?;
            data.fill_memory(&process, Work::Encrypt)?;
            Some(process)
        }
        None => None,
    };
    let peer = match &programs.bao {
        Some(program) => {
            let folder = folder.join("bao");
            fs::create_dir(&folder)?;
            Some(bao::start(program, &folder, scopes)?)
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
            case(KEYSTEAD, &server, &data.headers, &data.folder);
            if let (Some(process), Work::Encrypt) = (&silent, work) {
                case(SILENT, process, &data.headers, &data.folder);
            }
            if let Some((process, data)) = &peer
                && *work != Work::DecryptOldest
            {
                case(BAO, process, &data.headers, &data.folder);
            }
        }
    }
    Ok(Found { figures: rounds::run(folder, pace, &cases)?, idle, cached })
}
