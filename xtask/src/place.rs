//! Where things lie.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// How programs are compiled: the profiles of the workspace's `Cargo.toml` that are named like this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Profile {
    /// As operators get them.
    Release,
    /// As the tests drive them: the same, but for minutes of linking.
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
    /// When not started by cargo, which says where the checkout is.
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

    /// Where everything that is made goes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// What the browser gets. Always in the checkout, whatever cargo's target directory: the server embeds it from here.
    pub fn site(&self) -> PathBuf {
        self.root.join("target/site")
    }

    /// The browser build's own target directory, so that it neither waits for nor disturbs the server's.
    pub fn front(&self) -> PathBuf {
        self.target.join("front")
    }

    /// A program that cargo made in a profile.
    pub fn program(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(profile.name()).join(name)
    }

    /// What the finished program is made of.
    pub fn bill_of_materials(&self) -> PathBuf {
        self.target.join("release/keystead.cdx.json")
    }

    /// The Python environment of the emulator of AWS KMS.
    pub fn emulator(&self) -> PathBuf {
        self.target.join("kms-emulator")
    }

    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }

    /// A program out of `end2end/node_modules`.
    pub fn npm_program(&self, name: &str) -> PathBuf {
        self.end2end().join("node_modules/.bin").join(name)
    }

    /// cargo, in the checkout: the very one we were started by.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.current_dir(&self.root);
        cargo
    }
}
