//! The islands, as WebAssembly.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::files::{self, Files};
use super::part;
use crate::place::Place;
use crate::setup::Compiler;
use crate::{progress, shell};

/// WebAssembly features that current Rust uses by default. Every browser has had all of them for years.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Compiles `app` for the browser. Only cargo knows whether it has changed, so cargo always runs.
pub fn make(place: &Place, compiler: Compiler) -> Result<Files> {
    progress::say("WebAssembly", "building app …");
    let mut cargo = place.cargo();
    cargo.args(["build", "--package", "app", "--lib", "--profile", "wasm-release"]);
    cargo.args(["--no-default-features", "--features", "hydrate"]).arg("--target-dir").arg(place.front());
    compiler.apply(&mut cargo)?;
    shell::compile(&mut cargo)
        .context("app did not compile for the browser: see the compiler's messages above")?;

    let module = place.front().join("wasm32-unknown-unknown/wasm-release/app.wasm");
    let optimiser = optimiser_version(place);
    // The optimiser counts as an input, so that a module made without it is optimised once it is installed.
    let inputs = (fs::read(&module).context("the compiled app is missing")?, &optimiser);
    part::keep(place, "front", files::fingerprint(inputs), || {
        progress::say("WebAssembly", "binding, optimising and compressing …");
        let folder = tempfile::tempdir_in(place.front())?;
        bind(&module, folder.path())?;
        if optimiser.is_some() {
            optimise(place, folder.path())?;
        }
        files::read(folder.path())
    })
}

/// Runs wasm-bindgen as a library: makes `keystead.js` and `keystead.wasm`, which `public/hydrate.js` starts.
fn bind(module: &Path, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .omit_default_module_path(true)
        .typescript(false)
        .out_name("keystead")
        .generate(folder)
        .context("wasm-bindgen refused the compiled app")?;
    fs::rename(folder.join("keystead_bg.wasm"), folder.join("keystead.wasm"))
        .context("wasm-bindgen left no module")
}

fn optimise(place: &Place, folder: &Path) -> Result<()> {
    let module = folder.join("keystead.wasm");
    let mut wasm_opt = Command::new(place.npm_program("wasm-opt"));
    wasm_opt.arg("-Oz").args(WASM_FEATURES).arg(&module).arg("-o").arg(&module);
    shell::quiet(&mut wasm_opt).context("wasm-opt refused the module")
}

/// Returns the optimiser's package description; `None` where the optimiser is not installed, or cannot run without node.
fn optimiser_version(place: &Place) -> Option<String> {
    let description = place.end2end().join("node_modules/binaryen/package.json");
    shell::answer(Command::new("node").arg("--version"))?;
    fs::read_to_string(description).ok()
}
