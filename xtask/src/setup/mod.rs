//! Prepares a machine that has rustup, node and apt. Nothing that is present is fetched or requested again.

mod cargo;
mod debian;
mod npm;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::{database, emulator, progress, shell};

pub use npm::take_heart;
pub use wasm::Compiler;

/// Installs the requirements of a build: a compiler to WebAssembly and, where node is present, the optimiser.
pub fn for_building(place: &Place) -> Result<Compiler> {
    let compiler = wasm::provide()?;
    npm::offer_optimiser(place)?;
    Ok(compiler)
}

/// Installs the further requirements of the tests: runners, the crates' sources, a database, a browser, a clock that can be set.
/// Compiling needs the processor and packages need the network, so both run at once. `then` runs after the packages that
/// it may need.
pub fn for_testing(place: &Place, then: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    std::thread::scope(|scope| {
        let packages = scope.spawn(|| packages(place, then));
        let programs = programs(place);
        packages.join().expect("it does not panic").and(programs)
    })
}

fn programs(place: &Place) -> Result<()> {
    cargo::provide(place, &cargo::NEXTEST)?;
    cargo::provide(place, &cargo::DENY)?;
    cargo::fetch(place)
}

fn packages(place: &Place, then: impl FnOnce() -> Result<()>) -> Result<()> {
    let missing: Vec<&str> = [
        // Needed even where the tests were given a server, because some tests stop a server of their own.
        ("postgresql", database::programs().is_some()),
        ("pgbouncer", Path::new("/usr/sbin/pgbouncer").exists()),
        // The packages of these also start a service, where the system starts services; the tests use ports of their own.
        ("nginx-light", Path::new("/usr/sbin/nginx").exists()),
        ("haproxy", Path::new("/usr/sbin/haproxy").exists()),
        ("caddy", Path::new("/usr/bin/caddy").exists()),
        // For `systemd-analyze`; nothing starts it.
        ("systemd", Path::new("/usr/bin/systemd-analyze").exists()),
        ("openssl", Path::new("/usr/bin/openssl").exists()),
        ("chromium", has_chromium()),
        ("libfaketime", debian::library_exists("faketime/libfaketime.so.1")),
    ]
    .into_iter()
    .filter_map(|(package, present)| (!present).then_some(package))
    .collect();
    debian::install(&missing)?;
    // `then` compiles and needs nothing of the emulator.
    std::thread::scope(|scope| {
        let emulator = scope.spawn(|| emulator::provide(place));
        let others = npm::provide(place).and_then(|()| then());
        emulator.join().expect("it does not panic").and(others)
    })
}

/// Installs the further requirements of measurements: a load generator.
pub fn for_measuring() -> Result<()> {
    if Path::new("/usr/bin/wrk").exists() { Ok(()) } else { debian::install(&["wrk"]) }
}

/// Makes a Python environment in a folder, with the packages of these lists, and again only after the lists changed.
pub fn python_environment(folder: &Path, lists: &[PathBuf], what: &str) -> Result<()> {
    let wanted = lists.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?.concat();
    let note = folder.join(".installed-from");
    if fs::read(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    python()?;
    progress::say("Set-up", &format!("installing {what} …"));
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    shell::quiet(Command::new("python3").args(["-m", "venv"]).arg(folder))
        .with_context(|| format!("no Python environment could be made for {what}"))?;
    let mut pip = Command::new(folder.join("bin/python"));
    // The lists pin every package, also those that others need, so pip must add none (`--no-deps`).
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    for list in lists {
        pip.arg("-r").arg(list);
    }
    shell::quiet(&mut pip)
        .with_context(|| format!("{what} could not be installed from PyPI: is the network there?"))?;
    // The note comes last, so that an interrupted installation is made again.
    fs::write(note, wanted)?;
    Ok(())
}

/// Installs what Python needs to make environments.
fn python() -> Result<()> {
    let has =
        |module| shell::answer(Command::new("python3").args(["-c", &format!("import {module}")])).is_some();
    // Debian's `python3` includes `venv` but not `ensurepip`, which `venv` needs for pip.
    if has("venv") && has("ensurepip") { Ok(()) } else { debian::install(&["python3-venv"]) }
}

fn has_chromium() -> bool {
    std::env::var_os("KEYSTEAD_CHROMIUM").is_some() || Path::new("/usr/bin/chromium").exists()
}
