//! Putting the site in place.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::files::{self, Files};

/// Makes `site` hold exactly these files, in one step: nobody sees half of them, and no old file stays behind. Unchanged files
/// keep their time, and an unchanged site is not touched, so that cargo does not build the server again. Returns whether
/// anything changed.
pub fn publish(site: &Path, wanted: &Files) -> Result<bool> {
    let present = files::read(site)?;
    // `files::read` takes a missing folder for an empty one.
    if present == *wanted && site.exists() {
        return Ok(false);
    }
    // The new folder lies beside the site, because a rename cannot cross file systems. A killed run may have left one.
    let next = site.with_extension("next");
    if next.exists() {
        fs::remove_dir_all(&next)?;
    }
    fs::create_dir_all(&next)?;
    for (name, bytes) in wanted {
        files::write(&next, name, bytes)?;
        if present.get(name) == Some(bytes) {
            let time = fs::metadata(site.join(name))?.modified()?;
            fs::File::open(next.join(name))?.set_modified(time)?;
        }
    }
    swap(&next, site).context("the site could not be put in place")?;
    Ok(true)
}

fn swap(next: &Path, site: &Path) -> Result<()> {
    if !site.exists() {
        // An exchange needs both folders to exist.
        return Ok(fs::rename(next, site)?);
    }
    renameat_with(CWD, next, CWD, site, RenameFlags::EXCHANGE)?;
    Ok(fs::remove_dir_all(next)?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, text)| (name.into(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn unchanged_files_keep_their_time_and_stale_ones_vanish() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        publish(&site, &files(&[("a.js", "same"), ("b.css", "old"), ("gone.txt", "")])).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::open(site.join("a.js")).unwrap().set_modified(long_ago).unwrap();

        assert!(publish(&site, &files(&[("a.js", "same"), ("b.css", "new")])).unwrap());

        assert_eq!(files::read(&site).unwrap(), files(&[("a.js", "same"), ("b.css", "new")]));
        assert_eq!(fs::metadata(site.join("a.js")).unwrap().modified().unwrap(), long_ago);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the site");
    }

    #[test]
    fn the_same_site_again_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        let wanted = files(&[("a.js", "same"), ("fonts/text.woff2", "x")]);
        assert!(publish(&site, &wanted).unwrap());
        assert!(!publish(&site, &wanted).unwrap());
    }
}
