//! Parts of the site that are built again only when their inputs have changed.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::compress;
use super::files::{self, Files};
use crate::place::Place;

/// The sources of the build steps, which count as inputs of every part.
const RECIPE: &str = concat!(
    include_str!("../../Cargo.toml"),
    include_str!("compress.rs"),
    include_str!("front.rs"),
    include_str!("style.rs"),
);

/// Returns the part as kept from the last time, or makes it, compresses it and keeps it.
pub fn keep(place: &Place, name: &str, inputs: u64, make: impl FnOnce() -> Result<Files>) -> Result<Files> {
    keep_in(&place.front().join("parts"), name, files::fingerprint((inputs, RECIPE)), make)
}

/// Keeps the part in a folder that is named by the inputs. The folder gets that name only when it is complete.
fn keep_in(store: &Path, name: &str, inputs: u64, make: impl FnOnce() -> Result<Files>) -> Result<Files> {
    let kept = store.join(format!("{name}-{inputs:016x}"));
    if !kept.exists() {
        let part = compress::with_compressed(make()?);
        // The old part goes only now, so that it stays when the new one cannot be made. The unfinished folder of a killed run
        // goes too.
        forget(store, name)?;
        let unfinished = store.join(format!("{name}-unfinished"));
        fs::create_dir_all(&unfinished)?;
        for (path, bytes) in &part {
            files::write(&unfinished, path, bytes)?;
        }
        fs::rename(unfinished, &kept)?;
    }
    files::read(&kept)
}

fn forget(store: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(store)?;
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&format!("{name}-")) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Files {
        Files::from([("a.css".into(), text.into())])
    }

    #[test]
    fn a_part_is_made_again_only_when_what_goes_in_has_changed() {
        let store = tempfile::tempdir().unwrap();
        keep_in(store.path(), "style", 1, || Ok(one("old"))).unwrap();
        let kept = keep_in(store.path(), "style", 1, || panic!("made twice")).unwrap();
        assert_eq!(kept[Path::new("a.css")], b"old");
        let new = keep_in(store.path(), "style", 2, || Ok(one("new"))).unwrap();
        assert_eq!(new[Path::new("a.css")], b"new");
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1, "the old part is forgotten");
    }

    #[test]
    fn a_part_that_fails_leaves_the_last_good_one() {
        let store = tempfile::tempdir().unwrap();
        keep_in(store.path(), "style", 1, || Ok(one("good"))).unwrap();
        keep_in(store.path(), "style", 2, || anyhow::bail!("a typing error")).unwrap_err();
        assert!(keep_in(store.path(), "style", 1, || panic!("lost")).is_ok());
    }
}
