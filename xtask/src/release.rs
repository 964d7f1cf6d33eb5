//! Building and running the program.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::{Place, Profile};
use crate::{progress, sbom, shell, site};

/// Builds `target/release/keystead`, with the site inside it, and its bill of materials beside it.
pub fn build(place: &Place) -> Result<()> {
    site::make(place)?;
    compile(place, Profile::Release)?;
    sbom::write(place)
}

/// Compiles the program alone, with the site already built. Returns its path.
pub fn compile(place: &Place, profile: Profile) -> Result<PathBuf> {
    progress::say("Program", "building the server (the first time takes some minutes) …");
    shell::compile(place.cargo().args(["build", "--profile", profile.name(), "--package", "server"]))
        .context("the server did not compile: see the compiler's messages above")?;
    let program = place.program(profile, "keystead");
    progress::say("Program", &format!("{} is ready", program.display()));
    Ok(program)
}

/// Builds the program, then replaces this process by it, so that it has the signals and the terminal to itself.
pub fn run(place: &Place, arguments: &[OsString]) -> Result<()> {
    site::make(place)?;
    let mut program = Command::new(compile(place, Profile::Release)?);
    // The person who builds it here also sets it up, so it prints the setup token even where the output goes through a pipe.
    let error = program.env("KEYSTEAD_SHOW_SETUP_TOKEN", "true").args(arguments).exec();
    Err(error).context("the program was built but could not be started")
}
