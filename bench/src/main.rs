//! The measurements of `docs/PERFORMANCE.md`. `cargo xtask bench` builds what is measured and starts this with the document's
//! path; `make test` starts it with `guard`.

#![forbid(unsafe_code)]

mod bao;
mod data_plane;
mod due;
mod guard;
mod home;
mod load;
mod pages;
mod process;
mod report;
mod rounds;
mod wrk;

use anyhow::{Context, Result};
use data_plane::Programs;
use load::Work;
use report::Control;
use std::path::{Path, PathBuf};

/// Scopes of the full form.
const SCOPES: usize = 10_000;
/// Keys that are due at once.
const DUE: usize = 100_000;
/// Rows of long lists.
const ROWS: usize = 1_000_000;

fn named(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

#[tokio::main]
async fn main() -> Result<()> {
    let what = std::env::args().nth(1).context("guard, or the path of docs/PERFORMANCE.md")?;
    let program =
        |name| named(name).with_context(|| format!("{name} names no program: use cargo xtask bench"));
    let programs = Programs {
        keystead: program("BENCH_KEYSTEAD")?,
        limit: program("BENCH_LIMIT")?,
        silent: named("BENCH_SILENT"),
        bao: named("BENCH_BAO"),
    };
    let folder = tempfile::tempdir()?;
    match what.as_str() {
        "guard" => guard::check(&programs, folder.path()).await,
        document => full(&programs, folder.path(), Path::new(document)).await,
    }
}

async fn full(programs: &Programs, folder: &Path, document: &Path) -> Result<()> {
    let control = Control {
        due: due::measure(&programs.keystead, folder, None, DUE).await?,
        sqlite: pages::measure(&programs.keystead, folder, None, ROWS).await?,
        postgres: match std::env::var("BENCH_POSTGRES") {
            Ok(url) => Some(pages::measure(&programs.keystead, folder, Some(&url), ROWS).await?),
            Err(_) => None,
        },
    };
    let found = data_plane::measure(programs, folder, SCOPES, &Work::ALL, rounds::FULL).await?;
    let targets = report::targets(&[report::measures(&found), report::control(&control)].concat());
    let table = report::table(&found.figures);
    println!("{targets}\n{table}");
    let mut text = std::fs::read_to_string(document)?;
    for (mark, generated) in [("machine", &machine()), ("targets", &targets), ("figures", &table)] {
        text = report::between(&text, mark, generated).with_context(|| format!("the marks of {mark}"))?;
    }
    std::fs::write(document, text)?;
    Ok(())
}

/// What it was measured on.
fn machine() -> String {
    let line = |path: &str, begin: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or_default();
        found.trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let day = engine::Clock::system().now().format("%Y-%m-%d");
    format!(
        "Measured on {day}: {} ({cores} cores, one of them used), {} of memory, Linux {}.\n",
        line("/proc/cpuinfo", "model name"),
        line("/proc/meminfo", "MemTotal"),
        kernel.split(['-', '\n']).next().unwrap_or_default()
    )
}
