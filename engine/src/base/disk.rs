//! The file system of a folder.

use rustix::fs::{statfs, statvfs};
use std::path::Path;

/// Returns the name of the network file system that a path is on, or will be on when it is made. `None` for a local one. FUSE
/// (sshfs, but also the folders that Docker Desktop shares) and 9p (the same, and WSL) are not told from local ones.
pub fn network_file_system(path: &Path) -> Option<&'static str> {
    let paths = path.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let found = paths.into_iter().find_map(|path| statfs(path).ok())?;
    // The word is wider than the number on some systems, and signed on others.
    network_name(found.f_type as u32)
}

/// Returns the number of bytes that are free for Keystead in the file system of a path. `None` when it cannot be told.
pub fn free(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Returns the name of a network file system by its magic number (statfs(2), linux/magic.h).
fn network_name(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => "SMB",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x564c => "NCP",
        // Cluster file systems: every machine has a memory of its own for the files that SQLite shares between its processes.
        0x00c3_6400 => "CephFS",
        0x0bd0_0bd0 => "Lustre",
        0x7461_636f => "OCFS2",
        0x0116_1970 => "GFS2",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        for (magic, name) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("SMB")),
            (0xfe53_4d42, Some("SMB")),
            (0x00c3_6400, Some("CephFS")),
            (0x0bd0_0bd0, Some("Lustre")),
            // ext4, XFS, Btrfs, ZFS, tmpfs, overlayfs.
            (0xef53, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x2fc1_2fc1, None),
            (0x0102_1994, None),
            (0x794c_7630, None),
            // FUSE and virtiofs, 9p: a volume of Docker Desktop, WSL or gVisor has these numbers too.
            (0x6573_5546, None),
            (0x0102_1997, None),
        ] {
            assert_eq!(network_name(magic), name, "{magic:#x}");
        }
    }

    #[test]
    fn the_free_space_of_a_folder_is_known() {
        assert!(free(Path::new("/")).is_some_and(|free| free > 0));
        assert_eq!(free(Path::new("/keystead-is-not-there")), None);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_file_system_of_the_folder_above() {
        for path in ["/proc/keystead/data", "/proc", "keystead-is-not-there", ""] {
            assert_eq!(network_file_system(Path::new(path)), None, "{path}");
        }
    }
}
