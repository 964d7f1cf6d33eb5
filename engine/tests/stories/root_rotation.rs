//! Rotation of the root key beside running servers, interrupted at any step.

use crate::support::*;
use data_encoding::BASE64;
use domain::audit::event::{Action, Outcome};
use domain::keys::rotation::RotationPeriod;
use engine::base::error::VaultError;
use engine::testing::{TestPortal, root_key};
use engine::vault::root_key as files;
use engine::vault::root_rotation::{Rotated, rotate as rotate_root_key};
use engine::{Error, right_root_key};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

stories! {
    a_new_root_key_opens_everything_and_the_old_one_nothing,
    a_running_server_goes_on,
    stopped_before_the_commit_the_old_key_is_right_and_the_command_goes_on,
    stopped_after_the_commit_a_start_finds_the_new_key_beside_and_puts_it_in_place,
    stopped_after_the_commit_the_command_itself_puts_the_new_key_in_place,
    failing_at_any_step_leaves_one_of_the_two_keys_right,
    several_at_once_leave_one_right_key,
    a_keyring_put_back_as_it_was_does_not_open,
    a_key_of_another_database_is_not_rotated,
}

/// The folder of the root key, as on a host.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.put(&folder.file(), &[42; 32]);
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("root.key")
    }

    fn put(&self, file: &Path, key: &[u8]) {
        std::fs::write(file, format!("{}\n", BASE64.encode(key))).expect("written");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("private");
    }

    /// Returns the names of its files, without those of old keys that a rotation keeps.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).expect("the folder").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with("root.key.before-")).collect();
        names.sort();
        names
    }
}

/// Starts as a server does: chooses the right one of the root keys at hand and finishes an interrupted rotation.
async fn start(t: &TestPortal, folder: &Folder) -> Result<(), Error> {
    let keys = files::read_all(&folder.file())?;
    let key = right_root_key(t.db(), keys).await?;
    let portal = t.try_second(&key).await?;
    files::finish_rotation(&folder.file(), &key)?;
    portal.close().await;
    Ok(())
}

async fn rotate(t: &TestPortal, folder: &Folder) -> Result<Rotated, Error> {
    rotate_root_key(t.db(), &folder.file(), &t.clock).await.map(|(rotated, _)| rotated)
}

async fn a_new_root_key_opens_everything_and_the_old_one_nothing(t: &TestPortal) {
    let folder = Folder::new();
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    assert_eq!(rotate(t, &folder).await.expect("rotated"), Rotated::Rows(10));
    assert_eq!(folder.names(), ["root.key"]);
    // The old key stays, for backups from before.
    let [old] = &files::old_copies(&folder.file()).expect("the folder")[..] else { panic!("one old key") };
    assert!(files::read(old).expect("read").expect("a key").is(&root_key()));
    for file in [&folder.file(), old] {
        assert_eq!(std::fs::metadata(file).expect("metadata").permissions().mode() & 0o777, 0o600);
    }
    start(t, &folder).await.expect("the new key opens");
    refused!(t.try_second(&root_key()).await, Error::Fault(_));
    let key = files::read(&folder.file()).expect("read").expect("a key");
    let second = t.try_second(&key).await.expect("opens");
    second.material(&de, 1).await.expect("what was sealed before opens");
    assert_eq!(logged(t, Action::RootKeyRotate, Outcome::Done).await, 1);
}

async fn a_running_server_goes_on(t: &TestPortal) {
    let folder = Folder::new();
    let ada = t.administrator().await;
    rotate(t, &folder).await.expect("rotated");
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.portal.material(&de, 1).await.expect("it opens");
    let key = files::read(&folder.file()).expect("read").expect("a key");
    let second = t.try_second(&key).await.expect("another server starts with the new key");
    second.material(&de, 1).await.expect("and opens what the first one sealed after the rotation");
}

async fn stopped_before_the_commit_the_old_key_is_right_and_the_command_goes_on(t: &TestPortal) {
    let folder = Folder::new();
    folder.put(&files::beside(&folder.file()), &[7; 32]);
    start(t, &folder).await.expect("the old key is right");
    assert_eq!(folder.names(), ["root.key", "root.key.new"], "a start takes nothing away");
    assert_eq!(rotate(t, &folder).await.expect("rotated"), Rotated::Rows(10));
    start(t, &folder).await.expect("the new key opens");
    let text = std::fs::read_to_string(folder.file()).expect("read");
    assert_eq!(text.trim(), BASE64.encode(&[7; 32]), "the key that was begun with");
}

/// Rotates the root key, then restores the state after the commit: the new key still lies beside the old one.
async fn committed_only(t: &TestPortal) -> Folder {
    let folder = Folder::new();
    rotate(t, &folder).await.expect("rotated");
    std::fs::rename(folder.file(), files::beside(&folder.file())).expect("renamed back");
    folder.put(&folder.file(), &[42; 32]);
    folder
}

async fn stopped_after_the_commit_a_start_finds_the_new_key_beside_and_puts_it_in_place(t: &TestPortal) {
    let folder = committed_only(t).await;
    start(t, &folder).await.expect("the new key is found");
    assert_eq!(folder.names(), ["root.key"]);
    start(t, &folder).await.expect("and is in place");
}

async fn stopped_after_the_commit_the_command_itself_puts_the_new_key_in_place(t: &TestPortal) {
    let folder = committed_only(t).await;
    assert_eq!(rotate(t, &folder).await.expect("finished"), Rotated::Finished);
    assert_eq!(folder.names(), ["root.key"]);
    start(t, &folder).await.expect("and is in place");
}

async fn failing_at_any_step_leaves_one_of_the_two_keys_right(t: &TestPortal) {
    let folder = Folder::new();
    let mut failures = 0;
    for step in STEPS {
        for skip in 0.. {
            fail_after(step, skip);
            let done = rotate(t, &folder).await;
            fail::remove(step);
            start(t, &folder).await.expect("a start finds the right key");
            if done.is_ok() {
                break;
            }
            failures += 1;
            rotate(t, &folder).await.expect("and the command comes through");
            start(t, &folder).await.expect("a start finds the right key");
        }
    }
    assert!(failures > 8, "only {failures} steps failed");
    assert_eq!(folder.names(), ["root.key"]);
}

async fn several_at_once_leave_one_right_key(t: &TestPortal) {
    let folder = Folder::new();
    let tasks = (0..8).map(|_| {
        let (db, file, clock) = (t.db().clone(), folder.file(), t.clock.clone());
        async move {
            let handle = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || handle.block_on(rotate_root_key(&db, &file, &clock))).await
        }
    });
    for done in at_once(tasks).await {
        done.expect("it ends").expect("one after the other");
    }
    start(t, &folder).await.expect("the right key is in place");
    assert_eq!(logged(t, Action::RootKeyRotate, Outcome::Done).await, 8);
}

async fn a_keyring_put_back_as_it_was_does_not_open(t: &TestPortal) {
    let folder = Folder::new();
    execute(t.db(), "CREATE TABLE older AS SELECT * FROM keyring").await.expect("copied");
    execute(t.db(), "CREATE TABLE oldest AS SELECT * FROM instance").await.expect("copied");
    rotate(t, &folder).await.expect("rotated");
    let key = || files::read(&folder.file()).expect("read").expect("a key");
    for purpose in texts(t.db(), "SELECT purpose FROM keyring").await {
        let new = bytes(t.db(), &format!("SELECT sealed FROM keyring WHERE purpose = '{purpose}'")).await;
        let back = format!("(SELECT sealed FROM older WHERE purpose = '{purpose}')");
        execute(t.db(), &format!("UPDATE keyring SET sealed = {back} WHERE purpose = '{purpose}'"))
            .await
            .expect("back");
        match t.try_second(&key()).await.map(drop) {
            Err(Error::Vault(VaultError::Sealed(place))) => assert!(place.contains(&purpose), "{place}"),
            other => panic!("{other:?}"),
        }
        put_bytes(t.db(), &format!("UPDATE keyring SET sealed = $1 WHERE purpose = '{purpose}'"), &new).await;
    }
    execute(t.db(), "UPDATE instance SET canary = (SELECT canary FROM oldest)").await.expect("back");
    for key in [key(), root_key()] {
        assert!(t.try_second(&key).await.is_err(), "neither key opens a database of two ages");
    }
}

async fn a_key_of_another_database_is_not_rotated(t: &TestPortal) {
    let folder = Folder::new();
    folder.put(&folder.file(), &[1; 32]);
    let said = rotate(t, &folder).await.map(drop).expect_err("refused").to_string();
    assert!(said.contains("does not hold the root key of this database"), "{said}");
    assert_eq!(folder.names(), ["root.key"], "nothing was written");
    assert!(t.try_second(&root_key()).await.is_ok());
}
