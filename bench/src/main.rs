//! The measurements of `docs/PERFORMANCE.md`. `cargo xtask bench` builds what is measured and starts this with the document's
//! path; `make test` starts it with `guard`.

#![forbid(unsafe_code)]

mod bao;
mod browser;
mod counts;
mod data_plane;
mod due;
mod guard;
mod home;
mod http;
mod load;
mod pages;
mod process;
mod report;
mod rounds;
mod start;
mod two;
mod wrk;

use anyhow::{Context, Result};
use data_plane::Programs;
use load::Work;
use report::Measure;
use rounds::Figures;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Number of scopes of the full form.
const SCOPES: usize = 10_000;
/// Number of keys that are due at once.
const DUE: usize = 100_000;
/// Number of rows of long lists.
const ROWS: usize = 1_000_000;

fn named(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// Parts that can be measured alone, in the order of the document.
const PARTS: [&str; 9] =
    ["data", "counts", "start", "two", "due", "pages", "pages-postgres", "scopes", "browser"];

#[tokio::main]
async fn main() -> Result<()> {
    let what = std::env::args().nth(1).context("guard, a part, or the path of docs/PERFORMANCE.md")?;
    let program =
        |name| named(name).with_context(|| format!("{name} names no program: use cargo xtask bench"));
    let bench = Bench {
        programs: Programs {
            keystead: program("BENCH_KEYSTEAD")?,
            limit: program("BENCH_LIMIT")?,
            silent: named("BENCH_SILENT"),
            bao: named("BENCH_BAO"),
        },
        postgres: std::env::var("BENCH_POSTGRES").ok(),
        end2end: named("BENCH_END2END"),
        folder: tempfile::tempdir()?,
    };
    match what.as_str() {
        "guard" => guard::check(&bench.programs, bench.folder.path()).await,
        part if PARTS.contains(&part) => {
            let (measures, figures) = bench.measure(&[part]).await?;
            println!("{}\n{}", report::targets(&measures), report::table(&figures));
            Ok(())
        }
        document if Path::new(document).is_file() => bench.publish(Path::new(document)).await,
        unknown => anyhow::bail!("“{unknown}” is no part; there are {}", PARTS.join(", ")),
    }
}

/// The programs that are measured, and what they need.
struct Bench {
    programs: Programs,
    postgres: Option<String>,
    end2end: Option<PathBuf>,
    folder: TempDir,
}

impl Bench {
    /// Measures everything and writes it into the document.
    async fn publish(&self, document: &Path) -> Result<()> {
        let (measures, figures) = self.measure(&PARTS).await?;
        let (targets, table) = (report::targets(&measures), report::table(&figures));
        println!("{targets}\n{table}");
        let mut text = std::fs::read_to_string(document)?;
        for (mark, generated) in [("machine", &machine()), ("targets", &targets), ("figures", &table)] {
            text = report::between(&text, mark, generated).with_context(|| format!("the marks of {mark}"))?;
        }
        Ok(std::fs::write(document, text)?)
    }

    /// Returns the measures of these parts, each with its part, and every figure that was made in rounds.
    async fn measure<'a>(&self, parts: &[&'a str]) -> Result<(Vec<(&'a str, Measure)>, Vec<Figures>)> {
        let (keystead, folder) = (&self.programs.keystead, self.folder.path());
        let postgres = || self.postgres.as_deref().context("BENCH_POSTGRES names no cluster");
        let (mut all, mut figures) = (Vec::new(), Vec::new());
        for part in parts.iter().copied() {
            eprintln!("measuring: {part} …");
            let measures = match part {
                "data" => {
                    let works = &Work::ALL;
                    let found =
                        data_plane::measure(&self.programs, folder, SCOPES, works, rounds::FULL).await?;
                    let measures = report::measures(&found);
                    figures.extend(found.figures);
                    measures
                }
                "counts" => {
                    let statements = counts::statements(keystead, folder).await?.measures();
                    [statements, counts::calls(keystead, folder).await?.measures()].concat()
                }
                "start" => start::measure(keystead, folder).await?.measures(),
                "two" => two::measure(keystead, folder, postgres()?).await?.measures(),
                "due" => due::measure(keystead, folder, None, DUE).await?.measures(),
                "pages" | "pages-postgres" => {
                    let (database, postgres, reach) = match part {
                        "pages" => ("SQLite", None, 6000.0),
                        _ => ("PostgreSQL", Some(postgres()?), 4000.0),
                    };
                    let found = pages::measure(keystead, folder, (database, postgres), ROWS).await?;
                    let measures = found.measures(database, reach);
                    figures.extend(found.figures());
                    measures
                }
                "scopes" => {
                    let found = pages::scopes(keystead, folder).await?;
                    let measure = found.measure("SQLite");
                    figures.extend(found.figures());
                    vec![measure]
                }
                "browser" => {
                    let end2end = self.end2end.as_deref().context("BENCH_END2END names no folder")?;
                    let bao = self.programs.bao.as_deref().context("BENCH_BAO names no program")?;
                    browser::measure(end2end, keystead, bao, folder).await?.measures()
                }
                unknown => anyhow::bail!("there is no part {unknown}"),
            };
            all.extend(measures.into_iter().map(|measure| (part, measure)));
        }
        Ok((all, figures))
    }
}

/// Describes the machine of the measurement.
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
