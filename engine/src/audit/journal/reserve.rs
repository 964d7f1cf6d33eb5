//! A file that keeps disk space free. When the disk is full, the journal deletes it, so that the data plane works on while an
//! administrator makes room.

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const SIZE: u64 = 16 << 20;
/// Minimum free space for creating the reserve, because it must not take the last of it.
const ROOM: u64 = 3 * SIZE;

pub struct Reserve(PathBuf);

impl Reserve {
    pub fn of(folder: &Path) -> Self {
        Self(folder.join("reserve"))
    }

    pub fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(Path::new("."))
    }

    pub fn is_there(&self) -> bool {
        self.0.metadata().is_ok_and(|meta| meta.len() == SIZE)
    }

    /// Deletes the reserve. Returns whether there was one.
    pub fn give_up(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }

    /// Creates the reserve if there is room. Returns whether it exists now.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make(&self) -> io::Result<bool> {
        if self.is_there() {
            return Ok(true);
        }
        let disk = statvfs(self.folder())?;
        // `f_bavail` leaves out the blocks that only root may use (statvfs(3)).
        if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM {
            return Ok(false);
        }
        // `sweep_unnamed` removes a file that a crash leaves under this name.
        let unfinished = self.0.with_extension("new");
        let made = fill(&unfinished).and_then(|()| std::fs::rename(&unfinished, &self.0));
        if made.is_err() {
            // A half-filled file would take the space that is missing.
            let _ = std::fs::remove_file(&unfinished);
        }
        made.map(|()| true)
    }
}

/// Creates a file that has all its blocks. Writes zeroes where the file system cannot allocate them.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // `set_len` would make a sparse file, which reserves no blocks.
    match fallocate(&file, FallocateFlags::empty(), 0, SIZE) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            (0..SIZE >> 16).try_for_each(|_| file.write_all(&[0; 1 << 16]))
        }
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_reserve_really_takes_its_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::of(folder.path());
        assert!(!reserve.is_there() && !reserve.give_up());
        assert!(reserve.make().expect("made"));
        let meta = folder.path().join("reserve").metadata().expect("metadata");
        assert!(meta.blocks() * 512 >= SIZE && meta.mode() & 0o777 == 0o600);
        assert!(reserve.make().expect("there already") && reserve.give_up() && !reserve.is_there());
    }
}
