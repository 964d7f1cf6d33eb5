//! Paths of the checkout and of build results.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The profiles of programs, as the workspace's `Cargo.toml` names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Profile {
    /// For operators.
    Release,
    /// For the tests: like `Release`, without minutes of linking.
    Ci,
}

impl Profile {
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Ci => "ci",
        }
    }
}

/// The checkout, and cargo's target directory, which may lie elsewhere (`CARGO_TARGET_DIR`).
pub struct Place {
    root: PathBuf,
    target: PathBuf,
}

impl Place {
    /// # Errors
    /// When not started by cargo, which passes the path of the checkout.
    pub fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").context("start this as `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask lies in the checkout")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(elsewhere) => std::path::absolute(elsewhere)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns cargo's target directory, which gets all build results.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Returns the folder of the site for the browser. It is always in the checkout, whatever cargo's target directory is: the
    /// server embeds it from there.
    pub fn site(&self) -> PathBuf {
        self.root.join("target/site")
    }

    /// Returns the browser build's own target directory. It is separate, so that the build neither waits for nor disturbs the
    /// server's.
    pub fn front(&self) -> PathBuf {
        self.target.join("front")
    }

    /// Returns the path of a program that cargo built in a profile.
    pub fn program(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.name()).join(name)
    }

    /// Returns the path of the finished program's bill of materials.
    pub fn bill_of_materials(&self) -> PathBuf {
        self.target.join("release/keystead.cdx.json")
    }

    /// Returns the path of the Python environment of the emulator of AWS KMS.
    pub fn emulator(&self) -> PathBuf {
        self.target.join("kms-emulator")
    }

    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }

    /// Returns the path of a program of `end2end/node_modules`.
    pub fn npm_program(&self, name: &str) -> PathBuf {
        self.end2end().join("node_modules/.bin").join(name)
    }

    /// Returns a command of cargo in the checkout: of the same cargo that started this process.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }
}
