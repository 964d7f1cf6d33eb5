//! Programs that extend cargo, compiled from their source, and the crates' own sources.

use anyhow::{Context, Result};

use crate::place::Place;
use crate::{progress, shell};

/// One program, called as `cargo <word>`.
pub struct Tool {
    word: &'static str,
    /// Its package, with a version where our use of it depends on that.
    package: &'static str,
    patience: &'static str,
    /// Further options of `cargo install`.
    options: &'static [&'static str],
    elsewhere: &'static str,
}

/// Runs the tests.
pub const NEXTEST: Tool = Tool {
    word: "nextest",
    package: "cargo-nextest",
    patience: "five to ten minutes",
    options: &[],
    elsewhere: "https://nexte.st",
};

/// Checks the dependencies; without optimisation it takes seconds longer to run and minutes less to compile.
pub const DENY: Tool = Tool {
    word: "deny",
    package: "cargo-deny@0.20.2",
    patience: "one to two minutes",
    options: &["--debug", "--config", "profile.dev.debug=false"],
    elsewhere: "https://embarkstudios.github.io/cargo-deny",
};

/// Installs a tool if it is missing; any installed version will do.
pub fn provide(place: &Place, tool: &Tool) -> Result<()> {
    let Tool { word, package, patience, options, elsewhere } = tool;
    if shell::answer(place.cargo().args([word, "--version"])).is_some() {
        return Ok(());
    }
    progress::say("Set-up", &format!("installing {package} from source (once; takes {patience}) …"));
    let mut install = place.cargo();
    // Its build belongs in cargo's temporary folder, not in our target directory.
    install.args(["install", "--locked", package]).args(*options).env_remove("CARGO_TARGET_DIR");
    shell::compile(&mut install)
        .with_context(|| format!("{package} could not be installed: see {elsewhere} for other ways"))
}

/// Fetches every crate of `Cargo.lock`, also those that only other systems compile, because the tool that checks them reads
/// them all.
pub fn fetch(place: &Place) -> Result<()> {
    shell::quiet(place.cargo().arg("fetch")).context("the crates could not be fetched: is the network there?")
}
