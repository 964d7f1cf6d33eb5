//! Files that an operator names or that lie in the data folder. Only regular files are read, up to a size: a named pipe would wait
//! for a writer, and a device may never end.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Opens a regular file.
///
/// # Errors
/// When it cannot be opened, or is something else.
pub fn open(path: &Path) -> Result<File> {
    open_with(path, rustix::fs::OFlags::empty())
}

/// Does the same, but never through a symbolic link.
pub(crate) fn open_itself(path: &Path) -> Result<File> {
    open_with(path, rustix::fs::OFlags::NOFOLLOW)
}

fn open_with(path: &Path, flags: rustix::fs::OFlags) -> Result<File> {
    // Without NONBLOCK, a named pipe would wait here. For a regular file it changes nothing.
    let flags = (flags | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // The opened file is looked at, and not its path, which may name another file by now.
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(Error::other("it is not a regular file")),
    }
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// As [`open`]; when the file is longer.
pub fn read(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_all(open(path)?, most)
}

/// Does the same for a text.
///
/// # Errors
/// As [`read`]; when the file is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    text(read(path, most)?)
}

/// Reads an open file of at most so many bytes.
pub(crate) fn read_all(file: File, most: u64) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity(&file, most)));
    file.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// Returns the room for the whole file, so that a secret is not copied while it is read.
fn capacity(file: &File, most: u64) -> usize {
    let length = file.metadata().map_or(0, |meta| meta.len());
    usize::try_from(length.min(most) + 1).unwrap_or_default()
}

pub(crate) fn text(bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>> {
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "twelve bytes").expect("written");
        assert_eq!(*read_text(&path, 12).expect("it is read"), "twelve bytes");
        assert_eq!(read(&path, 11).expect_err("too long").kind(), ErrorKind::FileTooLarge);
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a named pipe");
        for other in [&pipe, Path::new("/dev/zero"), Path::new("/dev/null"), folder.path()] {
            let said = read(other, 12).expect_err("no regular file").to_string();
            assert_eq!(said, "it is not a regular file", "{}", other.display());
        }
        std::fs::write(&path, b"\xff").expect("written");
        assert_eq!(read_text(&path, 12).expect_err("no text").kind(), ErrorKind::InvalidData);
    }
}
