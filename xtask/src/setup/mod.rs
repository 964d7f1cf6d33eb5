//! Makes a machine ready that has rustup, node and apt. What is there already is neither fetched nor asked for again.

mod cargo;
mod debian;
mod npm;
mod wasm;

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::place::Place;
use crate::{database, emulator, shell};

pub use npm::take_heart;
pub use wasm::Compiler;

/// What a build needs: a compiler to WebAssembly and, where node is present, the optimiser.
pub fn for_building(place: &Place) -> Result<Compiler> {
    let compiler = wasm::provide()?;
    npm::offer_optimiser(place)?;
    Ok(compiler)
}

/// What the tests need besides: runners, the crates' sources, a database, a browser, a clock that can be set.
pub fn for_testing(place: &Place) -> Result<()> {
    cargo::provide(place, &cargo::NEXTEST)?;
    cargo::provide(place, &cargo::DENY)?;
    cargo::fetch(place)?;
    let missing: Vec<&str> = [
        // Also where the tests were given a server: some stop one of their own.
        ("postgresql", database::programs().is_some()),
        ("pgbouncer", Path::new("/usr/sbin/pgbouncer").exists()),
        ("chromium", has_chromium()),
        ("libfaketime", debian::library_exists("faketime/libfaketime.so.1")),
    ]
    .into_iter()
    .filter_map(|(package, present)| (!present).then_some(package))
    .collect();
    debian::install(&missing)?;
    emulator::provide(place)?;
    npm::provide(place)
}

/// Python with what makes environments of its own.
pub fn python() -> Result<()> {
    let has =
        |module| shell::answer(Command::new("python3").args(["-c", &format!("import {module}")])).is_some();
    if has("venv") && has("ensurepip") { Ok(()) } else { debian::install(&["python3-venv"]) }
}

fn has_chromium() -> bool {
    std::env::var_os("KEYSTEAD_CHROMIUM").is_some() || Path::new("/usr/bin/chromium").exists()
}
