//! The measurements of `docs/PERFORMANCE.md`. `cargo xtask bench` builds what is measured and starts this.

#![forbid(unsafe_code)]

mod bao;
mod load;
mod process;
mod rounds;
mod wrk;

use anyhow::{Context, Result};
use load::{Data, Work};
use process::{Process, free_port};
use rounds::{Case, Pace};
use std::path::{Path, PathBuf};

fn program(name: &str) -> Result<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} names no program"))
}

fn keystead(program: &Path, folder: &Path, data: &Data) -> Result<Process> {
    let port = free_port()?;
    Process::start(program, folder, port, |command| {
        command.env_clear().env("KEYSTEAD_DATA_DIR", &data.folder);
        command.env("KEYSTEAD_LISTEN", format!("127.0.0.1:{port}"));
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let scopes = std::env::var("BENCH_SCOPES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    eprintln!("filling …");
    let began = std::time::Instant::now();
    let data = load::fill(folder, scopes).await?;
    eprintln!("filled in {:?}", began.elapsed());
    let limit = program("BENCH_LIMIT")?;
    let start_limit = |what: &str| -> Result<Process> {
        let port = free_port()?;
        Process::start(&limit, folder, port, |command| {
            command.args([what, &port.to_string()]);
        })
    };
    let (seal, echo) = (start_limit("seal")?, start_limit("echo")?);
    let server = keystead(&program("BENCH_KEYSTEAD")?, folder, &data)?;
    eprintln!("idle: {:.1} MiB", server.resident()?);
    let (kib, dek) = (load::raw(folder, load::PLAIN)?, load::raw(folder, load::DEK)?);
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let mut cases = Vec::new();
    for connections in [1, 16] {
        for (work, file) in [("1 KiB", &kib), ("32 bytes", &dek)] {
            for (name, process) in [("limit", &seal), ("echo", &echo)] {
                cases.push(Case {
                    server: name,
                    process,
                    work: work.into(),
                    connections,
                    headers: &[],
                    requests: file.clone(),
                });
            }
        }
        for work in Work::ALL {
            if !only.is_empty() && !only.split(',').any(|one| one == format!("{work:?}")) {
                continue;
            }
            cases.push(Case {
                server: "keystead",
                process: &server,
                work: work.label().into(),
                connections,
                headers: &data.headers,
                requests: work.file(folder),
            });
        }
    }
    let bao_process;
    let bao_data;
    if let Ok(bao) = program("BENCH_BAO") {
        let bao_folder = folder.join("bao");
        std::fs::create_dir(&bao_folder)?;
        eprintln!("filling OpenBao …");
        (bao_process, bao_data) = bao::start(&bao, &bao_folder, scopes)?;
        for connections in [1, 16] {
            for work in Work::ALL {
                if !only.is_empty() && !only.split(',').any(|one| one == format!("{work:?}")) {
                    continue;
                }
                cases.push(Case {
                    server: "OpenBao",
                    process: &bao_process,
                    work: work.label().into(),
                    connections,
                    headers: &bao_data.headers,
                    requests: work.file(&bao_folder),
                });
            }
        }
    }
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let figures = rounds::run(folder, Pace { rounds, ..rounds::FULL }, &cases)?;
    for f in figures {
        println!(
            "{:9} {:38} c={:2} {:9.0}/s cpu {:7.2} us p50 {:6.0} p99 {:6.0} spread {:4.1}%",
            f.server,
            f.work,
            f.connections,
            f.each_second(),
            f.cpu(),
            f.p50(),
            f.p99(),
            f.spread()
        );
    }
    println!("cached: {:.1} MiB", server.resident()?);
    Ok(())
}
