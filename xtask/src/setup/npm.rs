//! Programs from npm: Playwright for the browser tests, and Binaryen's optimiser for every build.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::place::Place;
use crate::{progress, shell};

/// Installs the packages of `end2end/package-lock.json`, and again only after it changed.
pub fn provide(place: &Place) -> Result<()> {
    ensure!(has_node(), "node is missing: install Node.js 20 or later, with npm");
    let folder = place.end2end();
    let wanted = wanted(place)?;
    // npm empties node_modules first, so this note exists only after a complete installation.
    let note = folder.join("node_modules/.installed-from");
    if fs::read(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    progress::say("Set-up", "installing end2end's packages from npm …");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    shell::quiet(&mut npm)
        .context("end2end's packages could not be installed from npm: is the network there?")?;
    fs::write(note, wanted)?;
    Ok(())
}

/// Installs the same for a build, which also works without them: the browser's files are only larger then. It tries once and
/// not at every build, because npm takes minutes to find out that there is no network.
pub fn offer_optimiser(place: &Place) -> Result<()> {
    let wanted = wanted(place)?;
    let given_up = given_up(place);
    if fs::read(&given_up).is_ok_and(|then| then == wanted) {
        progress::say("Set-up", "WebAssembly will not be optimised (`cargo xtask setup` tries again)");
    } else if !has_node() {
        progress::say("Set-up", "no node here: WebAssembly will not be optimised");
    } else if let Err(error) = provide(place) {
        progress::say("Set-up", &format!("WebAssembly will not be optimised: {error:#}"));
        fs::create_dir_all(place.front())?;
        fs::write(given_up, wanted)?;
    }
    Ok(())
}

/// Lets the next build try again.
pub fn take_heart(place: &Place) {
    // Usually there is no such file.
    let _ = fs::remove_file(given_up(place));
}

fn wanted(place: &Place) -> Result<Vec<u8>> {
    fs::read(place.end2end().join("package-lock.json")).context("end2end/package-lock.json is missing")
}

fn given_up(place: &Place) -> PathBuf {
    place.front().join("optimiser-given-up")
}

fn has_node() -> bool {
    shell::answer(Command::new("node").arg("--version")).is_some()
}
