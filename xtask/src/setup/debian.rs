//! Packages of the distribution.

use std::path::Path;
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;

use crate::{progress, shell};

static LISTS: Once = Once::new();

/// Installs packages that are known to be missing; does nothing for none.
///
/// # Errors
/// Names the packages, so that they can be installed by hand where there is no apt or no right to use it.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    ensure!(Path::new("/usr/bin/apt-get").exists(), "missing: {names}; install them in your system's way");
    progress::say("Set-up", &format!("installing {names} …"));
    LISTS.call_once(|| {
        // Older lists often suffice; if they do not, the installation fails.
        if shell::quiet(apt().args(["update", "-qq"])).is_err() {
            progress::say("Set-up", "the package lists could not be renewed: trying with those at hand");
        }
    });
    shell::quiet(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
        .with_context(|| format!("{names} could not be installed; do it by hand (apt-get install {names})"))
}

/// Checks whether a file lies in a folder of the distribution's libraries, whose names depend on the processor.
pub fn library_exists(file: &str) -> bool {
    std::fs::read_dir("/usr/lib")
        .is_ok_and(|folders| folders.flatten().any(|folder| folder.path().join(file).exists()))
}

fn apt() -> Command {
    let mut command = Command::new(if geteuid().is_root() { "env" } else { "sudo" });
    // Usually `sudo` resets the environment, so `env` sets the variable behind it.
    if !geteuid().is_root() {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    command
}
