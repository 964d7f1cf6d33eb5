//! The root key's file: 32 bytes as base64 on one line, readable by its owner alone.

use crate::Error;
use crate::base::files;
use crate::vault::envelope::RootKey;
use crate::{Clock, SecretBytes, SecretText};
use data_encoding::BASE64;
use domain::base::typed::trimmed;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key has 45 bytes.
const LONGEST: u64 = 256;

/// Reads the root key's file; returns `None` when there is no such file.
///
/// # Errors
/// [`Error::Fault`] with a sentence when the file is a link out of its folder or no file at all, others can read it, or it does
/// not hold a key.
pub fn read(path: &Path) -> Result<Option<RootKey>, Error> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    read_from(path, credentials.as_deref())
}

fn read_from(path: &Path, credentials: Option<&Path>) -> Result<Option<RootKey>, Error> {
    let shown = path.display();
    let cannot = |error| Error::Fault(format!("The root key {shown} cannot be read: {error}."));
    let Some(file) = open(path)? else { return Ok(None) };
    // The mode is that of the opened file, not of its path, because the path may name another file by now.
    let mode = file.metadata().map_err(cannot)?.mode();
    let is_fixed = rustix::fs::fstatvfs(&file)
        .is_ok_and(|mount| mount.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    let is_credential = credentials.is_some_and(|folder| path.parent() == Some(folder));
    if let Err(advice) = check_mode(mode, is_credential, is_fixed) {
        let mode = mode & 0o777;
        let advice = advice.replace("{}", &shown.to_string());
        return sentence(format!("The root key {shown} can be read by others (mode {mode:o}). {advice}"));
    }
    let text = files::read_all(file, LONGEST).and_then(files::text).map_err(cannot)?;
    parse(&text, &format!("The root key {shown}")).map(Some)
}

/// Opens the file of a root key. It may be a link that stays in its folder, as in a Secret that Kubernetes mounts. Another link
/// could lead to a file that somebody else may write or exchange.
fn open(path: &Path) -> Result<Option<File>, Error> {
    // Kubernetes exchanges a Secret by another link and deletes the old folder, at any moment.
    open_once(path).or_else(|_| open_once(path))
}

fn open_once(path: &Path) -> Result<Option<File>, Error> {
    let shown = path.display();
    match files::open_itself(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {}
        opened => {
            return opened
                .map(Some)
                .map_err(|error| Error::Fault(format!("The root key {shown} cannot be read: {error}.")));
        }
    }
    let cannot =
        |error| Error::Fault(format!("The root key {shown} is a link that cannot be followed: {error}."));
    let (file, inside) = (path.canonicalize().map_err(cannot)?, folder(path).canonicalize().map_err(cannot)?);
    if !file.starts_with(&inside) {
        return sentence(format!(
            "The root key {shown} is a link to a file outside its folder: {}. Name that file itself.",
            file.display()
        ));
    }
    files::open_itself(&file).map(Some).map_err(cannot)
}

/// Checks who may read the file. Its group may in two places. Only the service may enter systemd's folder of credentials
/// (LoadCredential=). A read-only mount is how Kubernetes and Docker hand a secret to the group of a container's user.
///
/// # Errors
/// What to do about it.
fn check_mode(mode: u32, is_credential: bool, is_fixed: bool) -> Result<(), &'static str> {
    let others = if is_credential || is_fixed { 0o037 } else { 0o077 };
    match mode & others {
        0 => Ok(()),
        // Nobody can change a mode there.
        _ if is_fixed => Err(
            "Mount it with mode 0440 or 0400 (Kubernetes: defaultMode: 0440 of the volume, and an fsGroup).",
        ),
        _ => Err("Run: chmod 600 {}"),
    }
}

/// Reads a root key from the environment.
///
/// # Errors
/// [`Error::Fault`] with a sentence when the text is not base64 of 32 bytes.
pub fn from_text(text: &SecretText) -> Result<RootKey, Error> {
    parse(text.expose(), "KEYSTEAD_ROOT_KEY")
}

fn parse(text: &str, what: &str) -> Result<RootKey, Error> {
    let bytes = BASE64.decode(trimmed(text).as_bytes()).map(SecretBytes::new);
    match bytes.map(RootKey::new) {
        Ok(Ok(key)) => Ok(key),
        _ => sentence(format!("{what} does not hold a key: 32 bytes as base64 (44 characters) on one line.")),
    }
}

/// Returns the path to which a rotation writes the new key.
pub fn beside(file: &Path) -> PathBuf {
    with_ending(file, ".new")
}

/// Reads the key of the file, and the one that a rotation has left beside it.
///
/// # Errors
/// As [`read`].
pub fn read_all(file: &Path) -> Result<Vec<RootKey>, Error> {
    Ok([read(file)?, read(&beside(file))?].into_iter().flatten().collect())
}

/// Checks that a rotation can replace the file, before it seals anything under a new key. Whoever made a link or a mount, like
/// Kubernetes or Docker, puts the old key back.
pub(crate) fn require_own(file: &Path) -> Result<(), Error> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|meta| meta.is_symlink());
    let is_mounted = rustix::fs::statx(rustix::fs::CWD, file, flags, rustix::fs::StatxFlags::BASIC_STATS)
        .is_ok_and(|stat| stat.stx_attributes.contains(rustix::fs::StatxAttributes::MOUNT_ROOT));
    let is_fixed = rustix::fs::statvfs(folder(file))
        .is_ok_and(|mount| mount.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    let what = match () {
        () if is_link => "is a link",
        () if is_mounted => "is mounted by itself",
        () if is_fixed => "lies on a read-only mount",
        () => return Ok(()),
    };
    sentence(format!(
        "The root key {shown} {what}, so a rotation cannot replace it. Copy the key to a file of its own, name that file in \
         KEYSTEAD_ROOT_KEY_FILE, rotate, and put the new key where the old one comes from (for Kubernetes: into the Secret).",
        shown = file.display()
    ))
}

/// Locks the key's folder until the returned file is dropped. Only one rotation runs at a time, and
/// no process puts a key in place that another one is about to write.
///
/// # Errors
/// [`Error::Fault`] with a sentence when the folder does not exist.
pub(crate) fn hold_folder(file: &Path) -> Result<File, Error> {
    File::open(folder(file)).and_then(|folder| folder.lock().map(|()| folder)).map_err(|error| {
        Error::Fault(format!("The folder of the root key {} cannot be used: {error}.", file.display()))
    })
}

/// Completes a rotation that was stopped after its commit: when `right`, the key that opens the database, is the one beside
/// the file, it takes the file's place. Returns whether there was such a rotation.
///
/// # Errors
/// [`Error::Fault`] with a sentence when a file cannot be read or renamed.
pub fn finish_rotation(file: &Path, right: &RootKey) -> Result<bool, Error> {
    let is_right = |key: RootKey| key.is(right);
    let is_left = || read(&beside(file)).map(|next| next.is_some_and(is_right));
    // Checked before the lock, so that a server does not wait for a running rotation at a normal start.
    if !is_left()? {
        return Ok(false);
    }
    // After the lock it is checked again, because a command may have put the file in place meanwhile.
    let _alone = hold_folder(file)?;
    if !is_left()? {
        return Ok(false);
    }
    put_in_place(file).map(|_| true)
}

/// Renames the file of the new key over that of the old one, which stays as `root.key.before-<date>`: backups need it. Returns
/// where it is.
pub(crate) fn put_in_place(file: &Path) -> Result<PathBuf, Error> {
    let kept = keep_old(file);
    // A rename survives a crash of the machine only after a sync of the folder.
    let renamed = kept.and_then(|kept| {
        std::fs::rename(beside(file), file)?;
        File::open(folder(file))?.sync_all()?;
        Ok(kept)
    });
    renamed.map_err(|error| {
        let shown = file.display();
        Error::Fault(format!(
            "The new root key {shown}.new cannot replace {shown}: {error}. Keep both files until the rotation is complete."
        ))
    })
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// Gives the file of the old key a second name, with today's date. The file keeps its mode.
fn keep_old(file: &Path) -> std::io::Result<PathBuf> {
    let date = Clock::system().now().format("%Y-%m-%d");
    let mut number = 1;
    loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let kept = with_ending(file, &format!(".before-{date}{again}"));
        let made = match std::fs::hard_link(file, &kept) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => copy(file, &kept),
            made => made,
        };
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // An earlier command, or an earlier start, was stopped after this step.
                if *files::read(&kept, LONGEST)? == *files::read(file, LONGEST)? {
                    return Ok(kept);
                }
                number += 1;
            }
            made => return made.map(|()| kept),
        }
    }
}

/// Copies a key's file to a new one.
fn copy(file: &Path, to: &Path) -> std::io::Result<()> {
    let text = files::read(file, LONGEST)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    copy.write_all(&text)?;
    copy.sync_all()
}

/// Returns the files of earlier root keys that rotations have kept beside the file, oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn old_copies(file: &Path) -> std::io::Result<Vec<PathBuf>> {
    let prefix = format!("{}.before-", file.file_name().unwrap_or_default().to_string_lossy());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(file))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the file that says that nothing has been sealed under this key yet. A copy of the key alone lacks it, so that a lost
/// database is not taken for a new one.
fn unused(file: &Path) -> PathBuf {
    with_ending(file, ".unused")
}

/// Makes the first root key of an installation, for a database that does not exist yet.
///
/// # Errors
/// As [`create`].
pub fn create_first(path: &Path) -> Result<RootKey, Error> {
    let note = "Nothing is encrypted under this root key yet. Keystead deletes this file when it makes the database.\n";
    // Before the key, so that a command that is killed in between leaves no key whose database seems to be lost.
    if !path.exists() {
        std::fs::write(unused(path), note).map_err(|error| {
            Error::Fault(format!("The file {} cannot be written: {error}.", unused(path).display()))
        })?;
    }
    create(path)
}

/// Checks whether nothing has been sealed under the key of this file yet.
pub fn is_unused(path: &Path) -> bool {
    unused(path).exists()
}

/// Records that the key of this file is in use.
pub fn is_used_now(path: &Path) {
    // On a read-only mount, deleting a file fails even where there is none.
    if !is_unused(path) {
        return;
    }
    match std::fs::remove_file(unused(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, file = %unused(path).display(), "this file could not be deleted; delete it, because the root key is in use");
        }
        _ => {}
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a new root key and its file; never overwrites one. The file appears whole or not at all.
///
/// # Errors
/// [`Error::Fault`] with a sentence when the file exists already or cannot be written.
pub fn create(path: &Path) -> Result<RootKey, Error> {
    let key = RootKey::generate();
    store(path, &key)?;
    Ok(key)
}

/// Makes the file of a root key; never overwrites one. The file appears whole or not at all.
///
/// # Errors
/// [`Error::Fault`] with a sentence when the file exists already or cannot be written.
pub fn store(path: &Path, key: &RootKey) -> Result<(), Error> {
    let shown = path.display();
    let text = Zeroizing::new(format!("{}\n", BASE64.encode(key.expose())));
    let written =
        tempfile::Builder::new().prefix(".root-key-").tempfile_in(folder(path)).and_then(|mut file| {
            // `tempfile` makes files with mode 0600. The sync comes before the name, so a crash leaves no empty key file.
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|refused| refused.error)?;
            File::open(folder(path))?.sync_all()
        });
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            sentence(format!("There is a root key at {shown} already. It is never overwritten."))
        }
        Err(error) => sentence(format!("The root key {shown} cannot be written: {error}.")),
    }
}

fn sentence<T>(text: String) -> Result<T, Error> {
    Err(Error::Fault(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_key_is_read_back_as_it_was_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        assert!(read(&path).expect("no error").is_none());
        let made = create(&path).expect("a key");
        assert_eq!(path.metadata().expect("metadata").mode() & 0o777, 0o600);
        let back = read(&path).expect("no error").expect("a key");
        assert_eq!(made.expose(), back.expose());
        assert!(create(&path).is_err(), "it is never overwritten");
    }

    #[test]
    fn a_group_may_read_a_credential_of_systemd_and_a_file_on_a_read_only_mount() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root-key");
        create(&path).expect("a key");
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
            [None, Some(folder.path()), Some(Path::new("/run/credentials/another"))]
                .map(|credentials| read_from(&path, credentials).is_ok())
        };
        for (mode, plain, group) in [
            (0o400, true, true),
            (0o600, true, true),
            (0o440, false, true),
            (0o460, false, false),
            (0o450, false, false),
            (0o444, false, false),
            (0o404, false, false),
        ] {
            assert_eq!(with_mode(mode), [plain, group, plain], "{mode:o}");
            assert_eq!(check_mode(mode, false, true).is_ok(), group, "{mode:o} on a read-only mount");
        }
        assert!(check_mode(0o444, false, true).is_err_and(|advice| !advice.contains("chmod")));
    }

    /// As Kubernetes mounts a Secret: `root.key → ..data/root.key`, `..data → ..2026_11_30`.
    #[test]
    fn links_inside_the_folder_are_followed_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mount, elsewhere) = (folder.path().join("mount"), folder.path().join("root.key"));
        std::fs::create_dir_all(mount.join("..2026_11_30")).expect("folders");
        let made = create(&mount.join("..2026_11_30/root.key")).expect("a key");
        symlink("..2026_11_30", mount.join("..data")).expect("a link");
        symlink("..data/root.key", mount.join("root.key")).expect("a link");
        let read_back = read(&mount.join("root.key")).expect("no error").expect("a key");
        assert!(read_back.is(&made));
        create(&elsewhere).expect("a key");
        let says = |target: &str| {
            let link = mount.join("another");
            let _ = std::fs::remove_file(&link);
            symlink(target, &link).expect("a link");
            read(&link).err().map(|error| error.to_string()).unwrap_or_default()
        };
        for target in ["../root.key", "..data/../../root.key", &elsewhere.display().to_string()] {
            assert!(says(target).contains("outside its folder"), "{target}: {}", says(target));
        }
        for target in ["nothing", "another"] {
            assert!(says(target).contains("cannot be followed"), "{target}: {}", says(target));
        }
        assert!(says("..data").contains("not a regular file"), "{}", says("..data"));
    }

    #[test]
    fn an_old_key_is_kept_once_also_when_the_file_cannot_be_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        create(&path).expect("a key");
        let kept = keep_old(&path).expect("kept");
        // A copy, as where the file system has no hard links.
        let text = std::fs::read(&kept).expect("a key");
        std::fs::remove_file(&kept).expect("removed");
        std::fs::write(&kept, text).expect("written");
        for _ in 0..3 {
            assert_eq!(keep_old(&path).expect("kept"), kept);
        }
        std::fs::remove_file(&path).expect("removed");
        create(&path).expect("another key");
        let second = keep_old(&path).expect("kept");
        assert!(second.display().to_string().ends_with("-2"), "{}", second.display());
        assert_eq!(old_copies(&path).expect("a folder"), [kept, second]);
    }

    #[test]
    fn a_key_that_a_rotation_cannot_replace_is_refused_before_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        create(&path).expect("a key");
        assert!(require_own(&path).is_ok());
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        let said = require_own(&link).expect_err("a link").to_string();
        assert!(said.contains("is a link, so a rotation cannot replace it"), "{said}");
        // A mount point that every system has.
        let said = require_own(Path::new("/proc")).expect_err("a mount").to_string();
        assert!(said.contains("is mounted by itself"), "{said}");
    }

    #[test]
    fn what_others_can_read_or_is_no_key_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        create(&path).expect("a key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        let says = |path: &Path| read(path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(says(&path).contains("can be read by others (mode 640)"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        std::fs::write(&path, "c2hvcnQ=\n").expect("written");
        assert!(says(&path).contains("does not hold a key"));
        std::fs::write(&path, "c2hvcnQ=".repeat(100)).expect("written");
        assert!(says(&path).contains("longer than 256 bytes"));
        // Nothing waits for a writer of a named pipe, or reads a device for ever.
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a named pipe");
        for other in [&pipe, Path::new("/dev/zero"), folder.path()] {
            assert!(says(other).contains("not a regular file"), "{}", says(other));
        }
    }
}
