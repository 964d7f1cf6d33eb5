//! A compiler to WebAssembly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian;
use crate::{progress, shell};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The compiler to WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compiler {
    /// The usual toolchain, with the target added by rustup.
    Rustup,
    /// Debian's, which brings the standard library's source: for machines that cannot reach rustup's servers.
    Debian,
}

/// Finds a compiler, or installs one.
pub fn provide() -> Result<Compiler> {
    if let Some(compiler) = find() {
        return Ok(compiler);
    }
    progress::say("Set-up", "adding the WebAssembly target with rustup …");
    // A closed network may drop packets instead of refusing them: three minutes suffice for 30 MB, then the other way is tried.
    let mut rustup = Command::new("timeout");
    // `--foreground` keeps rustup in the terminal's process group, so that Ctrl-C reaches it.
    if shell::answer(rustup.args(["--foreground", "180", "rustup", "target", "add", TARGET])).is_none() {
        progress::say("Set-up", "rustup could not; using Debian's compiler and its standard library instead");
        debian::install(&["rustc-web", "rust-web-src"])?;
    }
    find().with_context(|| {
        format!("no compiler to WebAssembly: run `rustup target add {TARGET}` where it is online")
    })
}

impl Compiler {
    /// Prepares a `cargo build` for the target.
    pub fn apply(self, build: &mut Command) -> Result<()> {
        build.args(["--target", TARGET]);
        if self == Self::Debian {
            // Building the standard library is still called unstable, hence BOOTSTRAP; Debian brings no linker for
            // WebAssembly, so rustup's is used.
            build
                // The profile `wasm-release` aborts at a panic, so the standard library needs `panic_abort` beside it.
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rustup_linker()?);
        }
        Ok(())
    }
}

fn find() -> Option<Compiler> {
    let library = Path::new("lib/rustlib");
    if sysroot("rustc").is_some_and(|root| root.join(library).join(TARGET).join("lib").is_dir()) {
        return Some(Compiler::Rustup);
    }
    let source = sysroot(DEBIAN_RUSTC)?.join(library).join("src/rust/library/Cargo.toml");
    let version = shell::answer(Command::new(DEBIAN_RUSTC).arg("--version"))?;
    (source.exists() && is_recent(&version)).then_some(Compiler::Debian)
}

fn sysroot(rustc: &str) -> Option<PathBuf> {
    shell::answer(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn rustup_linker() -> Result<PathBuf> {
    let host = shell::answer(Command::new("rustc").args(["--print", "host-tuple"]));
    let root = sysroot("rustc").context("rustc is missing: install it with rustup")?;
    Ok(root.join("lib/rustlib").join(host.context("rustc does not name its host")?).join("bin/rust-lld"))
}

/// Checks whether `rustc 1.96.0 (…)` is at least the version that the workspace requires.
fn is_recent(version: &str) -> bool {
    let minor = |text: &str| text.split('.').nth(1).and_then(|number| number.parse::<u32>().ok());
    // `None` is less than every number, so a text without a version is not recent. Every version of Rust begins with 1.
    minor(version) >= minor(env!("CARGO_PKG_RUST_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_older_than_the_workspace_asks_for_is_not_taken() {
        assert!(!is_recent("rustc 1.63.0 (4b91a6ea7 2022-08-08)"));
        assert!(!is_recent("something else"));
        assert!(is_recent("rustc 1.196.0 (ac68faa20 2026-05-25) (built from a source tarball)"));
    }
}
