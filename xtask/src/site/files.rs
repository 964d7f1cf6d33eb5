//! A folder in memory.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// Contents by path, relative to the folder.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Reads a folder without its hidden files, which are not for publication. A folder that does not exist is empty.
pub fn read(folder: &Path) -> Result<Files> {
    if !folder.exists() {
        return Ok(Files::new());
    }
    let mut files = Files::new();
    let shown = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with('.');
    // `min_depth` keeps the folder itself from the filter: the name of a temporary folder begins with a dot.
    for entry in WalkDir::new(folder).min_depth(1).into_iter().filter_entry(|entry| shown(entry.file_name()))
    {
        let entry = entry?;
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).with_context(|| entry.path().display().to_string())?;
            files.insert(entry.path().strip_prefix(folder)?.to_path_buf(), bytes);
        }
    }
    Ok(files)
}

/// Writes one file below the folder, and the folders it needs.
pub fn write(folder: &Path, name: &Path, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    fs::write(&path, bytes).with_context(|| path.display().to_string())
}

/// Tells inputs apart; it does not withstand an attacker.
pub fn fingerprint(inputs: impl Hash) -> u64 {
    // `DefaultHasher::new` has constant keys. Another release of Rust may hash differently, and then the parts are made anew.
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    hasher.finish()
}
