//! The tests, and everything else that must pass before a change is accepted.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::database::Cluster;
use crate::emulator::Emulator;
use crate::place::{Place, Profile};
use crate::{bench, crates, progress, release, setup, shell, site};

const POSTGRES_URL: &str = "KEYSTEAD_TEST_POSTGRES_URL";

/// Options of cargo for every package but the build tool.
pub const EVERYTHING_ELSE: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Options of cargo for tests: libraries as for the program, compiled once for both; our own crates without optimisation and
/// with every check.
pub const FOR_TESTS: [&str; 2] = ["--config", ".config/tests.toml"];

/// A part of the tests that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    Crates,
    Unit,
    Doc,
    Browser,
    Speed,
}

impl Part {
    /// Cheapest first.
    pub const ALL: [Self; 5] = [Self::Crates, Self::Unit, Self::Doc, Self::Browser, Self::Speed];
}

/// Runs the parts in turn, until one fails.
pub fn test(place: &Place, parts: &[Part]) -> Result<()> {
    setup::for_testing(place, || site::make(place))?;
    perform(place, parts, Lints::Skipped)
}

/// Checks format and lints, then runs all tests.
pub fn ci(place: &Place) -> Result<()> {
    progress::say("Format", "checking …");
    shell::quiet(place.cargo().args(["fmt", "--all", "--check"]))
        .context("some files are not formatted: run `cargo fmt --all`")?;
    // The server embeds the site: without it nothing that depends on the server compiles.
    setup::for_testing(place, || site::make(place))?;
    progress::say("Lints", "checking what the browser gets …");
    lint(place, &["--package", "app", "--no-default-features", "--features", "hydrate"])?;
    perform(place, &Part::ALL, Lints::Checked)
}

/// Whether Clippy compiles the tests. It is the compiler with more lints, so the libraries need not be checked first and compiled
/// afterwards.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lints {
    Checked,
    Skipped,
}

impl Lints {
    /// Returns cargo for the compilation of tests.
    fn cargo(self, place: &Place) -> Command {
        let mut cargo = place.cargo();
        if self == Self::Checked {
            // As `cargo clippy` calls it. Clippy splits its arguments at this word.
            let driver = PathBuf::from(cargo.get_program()).with_file_name("clippy-driver");
            cargo.env("RUSTC_WORKSPACE_WRAPPER", driver);
            cargo.env("CLIPPY_ARGS", ["-D", "warnings"].join("__CLIPPY_HACKERY__"));
        }
        cargo
    }
}

fn perform(place: &Place, parts: &[Part], lints: Lints) -> Result<()> {
    for part in parts {
        match part {
            Part::Crates => crates::check(place)?,
            Part::Unit => unit(place, lints)?,
            Part::Doc => doc(place, lints)?,
            Part::Browser => browser(place)?,
            Part::Speed => speed(place, lints)?,
        }
    }
    progress::say("Tests", "all passed");
    Ok(())
}

/// Runs Clippy. The browser's half is linted for this machine, not for WebAssembly: Clippy must come from the very compiler
/// that built the standard library, and the fall-back compiler brings no Clippy; and nothing in `app` depends on the target.
fn lint(place: &Place, what: &[&str]) -> Result<()> {
    let mut clippy = place.cargo();
    clippy.args(["clippy", "--profile", Profile::Ci.name()]).args(FOR_TESTS).args(what);
    shell::compile(clippy.args(["--", "-D", "warnings"])).context("Clippy has something to say: see above")
}

/// Runs the unit tests. The build tool is tested in the profile it was built in, because compiling its libraries a second time
/// takes minutes.
fn unit(place: &Place, lints: Lints) -> Result<()> {
    progress::say("Tests", "the build tool's own …");
    let mut own = lints.cargo(place);
    shell::loud(own.args(["nextest", "run", "--package", "xtask", "--cargo-profile", "xtask"]))
        .context("the build tool's tests failed: see their messages above")?;
    let mut runner = lints.cargo(place);
    runner
        .args(["nextest", "run", "--cargo-profile", Profile::Ci.name()])
        .args(FOR_TESTS)
        .args(EVERYTHING_ELSE)
        // It measures, so it runs alone and on an optimised program: see `speed`.
        .args(["-E", "not binary(load)"]);
    // Many tests wait for a clock or a database. One more than there are cores keeps all cores busy.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    runner.args(["--test-threads", &(cores + 1).to_string()]);
    with_neighbours(place, &mut runner)
}

/// Runs the long forms of the tests, whose short forms `test` runs, on an optimised program.
pub fn soak(place: &Place) -> Result<()> {
    setup::for_testing(place, || site::make(place))?;
    let mut runner = place.cargo();
    runner.args([
        "nextest",
        "run",
        "--cargo-profile",
        Profile::Ci.name(),
        "--profile",
        "soak",
        "--package",
        "engine",
        "--package",
        "server",
    ]);
    runner.env("KEYSTEAD_SOAK", "1");
    with_neighbours(place, &mut runner)
}

/// Runs tests that need PostgreSQL and an emulator of AWS KMS. They use the PostgreSQL server that is named in the environment,
/// else a temporary one.
fn with_neighbours(place: &Place, runner: &mut Command) -> Result<()> {
    let kms = Emulator::start(place)?;
    kms.introduce(place, runner);
    let own = match std::env::var_os(POSTGRES_URL) {
        Some(_) => None,
        None => Some(Cluster::start()?),
    };
    if let Some(cluster) = &own {
        runner.env(POSTGRES_URL, cluster.url());
    }
    progress::say("Tests", "units and stories …");
    shell::loud(runner).context("tests failed: see their messages above")
}

fn doc(place: &Place, lints: Lints) -> Result<()> {
    progress::say("Tests", "examples in the documentation, and what must not compile …");
    let mut cargo = lints.cargo(place);
    cargo.args(["test", "--doc", "--profile", Profile::Ci.name()]).args(FOR_TESTS).args(EVERYTHING_ELSE);
    shell::loud(&mut cargo).context("examples in the documentation failed: see above")
}

fn browser(place: &Place) -> Result<()> {
    let program = release::compile(place, Profile::Ci)?;
    progress::say("Tests", "types of the journeys …");
    // Playwright removes the types without checking them.
    shell::quiet(Command::new(place.npm_program("tsc")).current_dir(place.end2end()))
        .context("the journeys do not compile: see above")?;
    progress::say("Tests", "journeys in a browser …");
    let mut runner = Command::new(place.npm_program("playwright"));
    runner.arg("test").current_dir(place.end2end()).env("KEYSTEAD_BIN", program);
    let kms = Emulator::start(place)?;
    kms.introduce(place, &mut runner);
    shell::loud(&mut runner).context("journeys failed: see above, and end2end/test-results")
}

fn speed(place: &Place, lints: Lints) -> Result<()> {
    let program = release::compile(place, Profile::Ci)?;
    bench::guard(place)?;
    // Kept apart, because cargo puts the program of the tests, which is not optimised, in its place.
    let measured = program.with_extension("measured");
    std::fs::copy(&program, &measured).context("the program could not be copied")?;
    progress::say("Tests", "a hostile client beside nine honest ones …");
    let mut runner = lints.cargo(place);
    runner
        .args(["nextest", "run", "--cargo-profile", Profile::Ci.name(), "--no-capture"])
        .args(FOR_TESTS)
        .args(EVERYTHING_ELSE)
        .args(["-E", "binary(load)"])
        .env("KEYSTEAD_BIN", measured);
    shell::loud(&mut runner).context("a hostile client takes too much from the others: see above")
}
