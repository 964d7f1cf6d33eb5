//! Backup, restore and doctor, on the real program; and what a command prints where nobody reads.

use crate::process::{EMAIL, Home, Keystead, PASSWORD, Past, Raw, code};
use engine::testing::{DatabaseKind, look};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::{Duration, Instant};

const KINDS: [DatabaseKind; 2] = [DatabaseKind::Sqlite, DatabaseKind::Postgres];

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// A place with an administrator and keys.
async fn filled(kind: DatabaseKind, keys: usize) -> Home {
    let home = Home::new(kind).await;
    if kind == DatabaseKind::Sqlite {
        home.make_root_key();
    }
    let db = home.db().await;
    Past::of(db.clone()).await.keys(keys).await;
    db.close().await;
    let file = home.data().join("keystead.db");
    if file.exists() {
        // The test itself has made it.
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    home
}

async fn ok(home: &Home, arguments: &[&str]) -> String {
    let done = home.host(arguments, "").await;
    assert!(done.status.success(), "{arguments:?}: {}", said(&done));
    said(&done)
}

async fn fails(home: &Home, arguments: &[&str]) -> String {
    let done = home.host(arguments, "").await;
    let said = said(&done);
    assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(!said.contains("panicked") && !said.contains("backtrace"), "{said}");
    said
}

/// The findings of `doctor` that are not in order.
async fn findings(home: &Home) -> Vec<(String, String)> {
    let done = home.host(&["doctor", "--json"], "").await;
    let report: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    assert_eq!(done.status.success(), report["state"] == "ok", "{report}");
    let findings = report["findings"].as_array().expect("a list").iter();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let wrong = findings.filter(|finding| finding["state"] != "ok").inspect(|finding| {
        assert!(!text(finding, "remedy").is_empty(), "{finding} has a remedy");
    });
    wrong.map(|finding| (text(finding, "check"), text(finding, "finding"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_running_server_brings_everything_back() {
    for kind in KINDS {
        let home = filled(kind, 3).await;
        let server = Keystead::on(home).await;
        let home = &server.home;
        let file = home.data().join("backup");
        let shown = file.display().to_string();
        let written = ok(home, &["backup", &shown]).await;
        assert!(written.contains("Database: ") && written.contains("audit log"), "{written}");
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(fails(home, &["backup", &shown]).await.contains("never overwrites"));
        let checked = ok(home, &["restore", "--check", &shown]).await;
        assert!(
            checked.contains("key_version: ") && checked.contains("Everything sealed opens"),
            "{checked}"
        );
        // It also goes through a pipe.
        let piped = home.host(&["backup", "-"], "").await;
        assert!(piped.status.success() && piped.stdout.starts_with(b"KSBACKUP"), "{}", said(&piped));

        // Into a new place of the other kind as well.
        for into in KINDS {
            let new = Home::new(into).await;
            std::fs::create_dir_all(new.data()).expect("a folder");
            std::fs::copy(home.data().join("root.key"), new.data().join("root.key")).expect("a copy");
            let _ = std::fs::remove_file(new.data().join("root.key.unused"));
            let restored = ok(&new, &["restore", &shown]).await;
            assert!(restored.contains("Restored."), "{restored}");
            assert!(fails(&new, &["restore", &shown]).await.contains("not empty"));
            let db = new.db().await;
            assert_eq!(look::broken(&db).await, [""; 0]);
            db.close().await;
            let new = Keystead::on(new).await;
            assert_eq!(Raw::get(new.port, "/readyz", "").await.status, 200);
            assert_eq!(Raw::sign_in(new.port, EMAIL, PASSWORD).await.status, 303, "the password is the same");
            new.home.end().await;
        }
        let old = findings(home).await;
        assert!(old.iter().all(|(check, _)| check != "backup"), "{old:?}");
        server.home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_earlier_root_key_is_restored_under_the_present_one() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.administrator(EMAIL).await;
    let file = home.data().with_file_name("before-rotation").display().to_string();
    ok(&home, &["backup", &file]).await;
    let rotated = ok(&home, &["root-key", "rotate"]).await;
    assert!(rotated.contains("root.key.before-") && rotated.contains("the last one"), "{rotated}");
    // The folder of the database is lost; the two root keys are not.
    let kept: Vec<_> =
        std::fs::read_dir(home.data()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    let old: Vec<_> =
        kept.iter().filter(|path| path.to_string_lossy().contains("root.key.before-")).collect();
    assert_eq!(old.len(), 1);
    assert_eq!(old[0].metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    for path in kept.iter().filter(|path| !path.to_string_lossy().contains("root.key")) {
        let _ = std::fs::remove_file(path);
    }
    assert!(ok(&home, &["restore", &file]).await.contains("present root key"));
    assert!(ok(&home, &["api-key", "list"]).await.contains("Database: "));
    // Without the old key, the error names it.
    std::fs::remove_file(home.data().join("keystead.db")).expect("it is removed");
    let aside = home.data().with_file_name("old.key");
    std::fs::rename(old[0], &aside).expect("it is moved");
    assert!(fails(&home, &["restore", &file]).await.contains("--root-key-file"));
    assert!(!home.data().join("keystead.db").exists(), "a failure leaves nothing");
    ok(&home, &["restore", &file, "--root-key-file", &aside.display().to_string()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_keystead_spoils_no_backup() {
    for kind in KINDS {
        let home = filled(kind, 1).await;
        let db = home.db().await;
        look::execute(&db, "CREATE TABLE \"Ops Notes\" (at TIMESTAMP, note TEXT)").await.expect("a table");
        look::execute(&db, "INSERT INTO \"Ops Notes\" (note) VALUES ('x')").await.expect("a row");
        db.close().await;
        let file = home.data().with_file_name("backup").display().to_string();
        ok(&home, &["backup", &file]).await;
        // A bad copy of an old key keeps no other key from opening it.
        std::fs::write(home.data().join("root.key.before-2026-01-01"), "junk").expect("it is written");
        let checked = ok(&home, &["restore", "--check", &file]).await;
        assert!(
            checked.contains("It is not tried.") && checked.contains("Everything sealed opens"),
            "{checked}"
        );
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_restore_touches_no_database_that_is_there() {
    let home = filled(DatabaseKind::Postgres, 1).await;
    let file = home.data().with_file_name("backup").display().to_string();
    ok(&home, &["backup", &file]).await;
    let refused = fails(&home, &["restore", &file]).await;
    assert!(refused.contains("not empty") && !refused.contains("Drop"), "{refused}");
    assert!(fails(&home, &["restore", &file, "--old-data", "/nowhere"]).await.contains("not a data folder"));
    let numbers = fails(&home, &["restore", &file, "--number", "production/DE=99999999"]).await;
    assert!(numbers.contains("production/DE=7"), "{numbers}");
    ok(&home, &["api-key", "list"]).await;
    home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_need_read_what_a_command_reports() {
    let home = filled(DatabaseKind::Sqlite, 1).await;
    let file = home.data().with_file_name("backup").display().to_string();
    ok(&home, &["backup", &file]).await;
    let new = Home::new(DatabaseKind::Sqlite).await;
    std::fs::create_dir_all(new.data()).expect("a folder");
    std::fs::set_permissions(new.data(), std::fs::Permissions::from_mode(0o700)).expect("a mode");
    std::fs::copy(home.data().join("root.key"), new.data().join("root.key")).expect("a copy");
    let run = async |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = new.command();
        command.args(arguments).stdout(writer).stderr(std::process::Stdio::piped());
        command.spawn().expect("it runs").wait_with_output().await.expect("it ends")
    };
    let done = run(&["restore", &file]).await;
    assert!(done.status.success() && said(&done).contains("Restored."), "{}", said(&done));
    assert!(new.data().join("keystead.db").exists());
    assert_eq!(run(&["restore", "--check", &file]).await.status.code(), Some(0));
    std::fs::set_permissions(new.data(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(run(&["doctor"]).await.status.code(), Some(1), "the status is that of the findings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.administrator(EMAIL).await;
    let file = home.data().with_file_name("whole");
    ok(&home, &["backup", &file.display().to_string()]).await;
    let bytes = std::fs::read(&file).expect("a file");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 4;
    let bad = home.data().with_file_name("bad");
    let root = home.data().join("root.key").display().to_string();
    for (damaged, word) in [
        (&bytes[..bytes.len() - 5], "damaged"),
        (&changed[..], "damaged"),
        (&b"PK\x03\x04"[..], "not a backup"),
        (&bytes[..20], "not a backup"),
    ] {
        std::fs::write(&bad, damaged).expect("it is written");
        let bad = bad.display().to_string();
        assert!(fails(&home, &["restore", "--check", &bad]).await.contains(word));
        let new = Home::new(DatabaseKind::Sqlite).await;
        assert!(fails(&new, &["restore", &bad, "--root-key-file", &root]).await.contains(word));
        let left = std::fs::read_dir(new.data()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "not even a root key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_file_alone_has_every_version_that_a_person_made() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    let seed = home.administrator(EMAIL).await;
    let server = Keystead::on(home).await;
    let cookie = server.sign_in_as(EMAIL, &seed).await;
    let post = async |path: &str, form: &str| Raw::post(server.port, path, &cookie, form).await;
    assert_eq!(post("/environments", "name=Production&kind=production").await.status, 303);
    assert_eq!(post("/environments/production", "country=DE").await.status, 303);
    let db = server.home.db().await;
    // Each code works once; the test forgets used ones, so as not to wait half a minute for the next.
    look::execute(&db, "DELETE FROM spent_step").await.expect("forgotten");
    db.close().await;
    let keys = "/environments/production/DE/keys";
    let prepared = post(&format!("{keys}/add"), "key_type=managed&rotation_days=30").await;
    let address = prepared.header("location").expect("a prepared change").to_owned();
    assert_eq!(post(&address, &format!("code={}", code(&seed))).await.status, 303);
    // The bytes of the file, because a copy that is made during a write does not always open.
    let has = |text: &str| {
        let file = std::fs::read(server.home.data().join("keystead.db")).expect("the file");
        file.windows(text.len()).any(|some| some == text.as_bytes())
    };
    assert!(has("key.create"), "at once after the answer, and without the log");
    // Everything else follows within a second or two.
    assert_eq!(post("/environments", "name=Something+later&kind=test").await.status, 303);
    let began = Instant::now();
    while !has("Something later") {
        assert!(began.elapsed() < Duration::from_secs(10), "the idle server does not copy its log");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_not_taken_for_a_new_one() {
    // A wrong folder: nothing is made there.
    for arguments in [
        &["api-key", "list"][..],
        &["admin", "unblock", "--email", EMAIL],
        &["root-key", "rotate"],
        &["backup", "x"],
    ] {
        let home = Home::new(DatabaseKind::Sqlite).await;
        assert!(fails(&home, arguments).await.contains("There is no Keystead in"));
        assert!(!home.data().exists(), "{arguments:?} makes nothing");
    }
    // A root key alone: the database may be elsewhere.
    let home = Home::new(DatabaseKind::Sqlite).await;
    home.administrator(EMAIL).await;
    let root = home.data().join("root.key");
    let alone = Home::new(DatabaseKind::Sqlite).await;
    std::fs::create_dir_all(alone.data()).expect("a folder");
    std::fs::copy(&root, alone.data().join("root.key")).expect("a copy");
    for arguments in [&["serve"][..], &["migrate"]] {
        assert!(fails(&alone, arguments).await.contains("KEYSTEAD_NEW_DATABASE=true"), "{arguments:?}");
    }
    assert!(!alone.data().join("keystead.db").exists());
    // An empty file beside a key: its log was not copied.
    std::fs::write(alone.data().join("keystead.db"), "").expect("it is written");
    let empty = fails(&alone, &["migrate"]).await;
    assert!(empty.contains("keystead.db-wal"), "{empty}");
    let mut allowed = alone.shared();
    allowed.set("KEYSTEAD_NEW_DATABASE", "true");
    assert!(
        fails(&allowed, &["migrate"]).await.contains("keystead.db-wal"),
        "an empty file is never a new database"
    );
    std::fs::remove_file(alone.data().join("keystead.db")).expect("it is removed");
    ok(&allowed, &["migrate"]).await;

    // PostgreSQL: the same for an empty database, unless `root-key init` has just made the key.
    let home = Home::new(DatabaseKind::Postgres).await;
    std::fs::remove_file(home.data().join("root.key.unused")).expect("it is removed");
    assert!(fails(&home, &["migrate"]).await.contains("KEYSTEAD_NEW_DATABASE=true"));
    assert!(fails(&home, &["api-key", "list"]).await.contains("There is no Keystead in"));
    std::fs::remove_file(home.data().join("root.key")).expect("it is removed");
    ok(&home, &["root-key", "init"]).await;
    let migrated = ok(&home, &["migrate"]).await;
    assert!(migrated.contains("PostgreSQL, process_") && !migrated.contains("postgres://"), "{migrated}");
    assert!(!home.data().join("root.key.unused").exists());
    home.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_stops_a_start_and_a_running_server() {
    for kind in KINDS {
        let home = Home::new(kind).await;
        home.administrator(EMAIL).await;
        let mut server = Keystead::on(home).await;
        let db = server.home.db().await;
        let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   SELECT 99, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        look::execute(&db, row).await.expect("a newer release");
        let status = server.ended(Duration::from_secs(20)).await;
        assert_eq!(status.code(), Some(1), "it has ended");
        let refused = fails(&server.home, &["serve"]).await;
        assert!(refused.contains("made by a newer Keystead (schema 99"), "{refused}");
        assert!(fails(&server.home, &["backup", "-"]).await.contains("made by a newer Keystead"));
        let found = findings(&server.home).await;
        assert!(found.iter().any(|(check, what)| check == "database" && what.contains("newer")), "{found:?}");
        db.close().await;
        server.home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_nobody_sees_is_not_made() {
    let home = filled(DatabaseKind::Sqlite, 1).await;
    let db = home.db().await;
    let rows = async || {
        let tables = ["api_key", "administrator", "recovery_code", "audit_event"];
        let mut rows = Vec::new();
        for table in tables {
            rows.push(look::number(&db, &format!("SELECT COUNT(*) FROM {table}")).await);
        }
        rows
    };
    let seed = "SELECT totp_seed FROM administrator";
    let before = (rows().await, look::bytes(&db, seed).await);
    let key = ["api-key", "create", "--name", "lost", "--scope", "production/*", "--operations", "encrypt"];
    let account = ["admin", "create", "--email", "bob@example.com", "--stdin"];
    let reset = ["admin", "reset-totp", "--email", EMAIL];
    for arguments in [&key[..], &account, &reset] {
        for sink in ["/dev/full", "closed pipe"] {
            let mut command = home.command();
            command.args(arguments).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            if sink == "/dev/full" {
                let full = std::fs::File::options().write(true).open(sink).expect("a device");
                command.stdout(full);
            } else {
                let (reader, writer) = std::io::pipe().expect("a pipe");
                drop(reader);
                command.stdout(writer);
            }
            let mut child = command.spawn().expect("it runs");
            let mut input = child.stdin.take().expect("an input");
            let _ = tokio::io::AsyncWriteExt::write_all(&mut input, format!("{PASSWORD}\n").as_bytes()).await;
            drop(input);
            let done = child.wait_with_output().await.expect("it ends");
            let said = said(&done);
            assert_eq!(done.status.code(), Some(1), "{arguments:?} into {sink}: {said}");
            assert!(said.contains("Nothing was changed") && !said.contains("panicked"), "{said}");
            assert_eq!((rows().await, look::bytes(&db, seed).await), before, "{arguments:?} into {sink}");
        }
    }
    // What is only listed ends quietly when nobody reads on.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    ok(&home, &key).await;
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let list = |out: std::process::Stdio| {
        let mut command = home.command();
        command.args(["api-key", "list"]).stdout(out).stderr(std::process::Stdio::piped());
        command.spawn().expect("it runs").wait_with_output()
    };
    let done = list(writer.into()).await.expect("it ends");
    assert_eq!((done.status.code(), said(&done).contains("panicked")), (Some(0), false), "{}", said(&done));
    let done = list(full().into()).await.expect("it ends");
    let told = said(&done).contains("cannot be written");
    assert_eq!((done.status.code(), told), (Some(1), true), "{}", said(&done));
    // Not even the place for errors need exist.
    let mut command = home.command();
    let command = command.args(["api-key", "revoke", "--key", "x"]).stderr(full());
    let status = command.status().await.expect("it ends");
    assert_eq!(status.code(), Some(1));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_key_that_is_pasted_is_not_quoted() {
    let home = filled(DatabaseKind::Sqlite, 1).await;
    let made = home
        .host(&["api-key", "create", "--name", "x", "--scope", "production/*", "--operations", "encrypt"], "")
        .await;
    let key = String::from_utf8(made.stdout).expect("text");
    let refused = fails(&home, &["api-key", "revoke", "--key", key.trim()]).await;
    assert!(refused.contains("--key") && !refused.contains(key.trim()), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_what_is_wrong_and_what_to_do() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    let empty = findings(&home).await;
    assert!(empty.iter().any(|(check, _)| check == "database"), "{empty:?}");
    assert!(empty.iter().any(|(check, _)| check == "root key"), "{empty:?}");
    let home = filled(DatabaseKind::Sqlite, 1).await;
    let chmod = |path: &str, mode| {
        std::fs::set_permissions(home.data().join(path), std::fs::Permissions::from_mode(mode))
            .expect("chmod");
    };
    let checks =
        async |home: &Home| findings(home).await.into_iter().map(|(check, _)| check).collect::<Vec<_>>();
    assert_eq!(checks(&home).await, ["backup"]);
    let file = home.data().with_file_name("backup").display().to_string();
    ok(&home, &["backup", &file]).await;
    assert_eq!(checks(&home).await, [""; 0]);
    assert!(
        ok(&home, &["doctor"]).await.lines().all(|line| line.starts_with("ok ") || line.contains("INFO"))
    );

    let db = home.db().await;
    let execute = async |sql: &str| look::execute(&db, sql).await.expect("it obeys");
    execute("UPDATE instance SET backup_at = '2026-01-01T00:00:00+00:00'").await;
    execute("UPDATE key_version SET material = X'00'").await;
    execute("UPDATE instance SET older_than = 'a test'").await;
    execute("UPDATE instance SET created_at = '2099-01-01T00:00:00+00:00'").await;
    execute("UPDATE environment SET kind = 'test'").await;
    chmod("", 0o755);
    let mut proxied = home.shared();
    proxied.set("KEYSTEAD_PUBLIC_URL", "https://keystead.example.com");
    proxied.set("KEYSTEAD_TRUSTED_PROXIES", "");
    assert_eq!(
        checks(&proxied).await,
        ["file modes", "proxies", "clock", "older database", "backup", "sealed values", "authority rows"]
    );
    // Times of the future are corrected by whoever knows what day it is.
    let refused = fails(&home, &["doctor", "--correct-times", "2099-01-01"]).await;
    assert!(refused.contains("Nothing was changed"), "{refused}");
    let today = engine::Clock::system().now().date_naive().to_string();
    let corrected = ok(&home, &["doctor", "--correct-times", &today]).await;
    assert!(corrected.contains("Corrected: 1 row of instance."), "{corrected}");
    assert!(!checks(&home).await.contains(&"clock".to_owned()));
    chmod("root.key", 0o644);
    assert_eq!(checks(&proxied).await[0], "root key");
    chmod("root.key", 0o600);
    // The older database is accepted; what was used is left out.
    assert!(
        fails(&home, &["doctor", "--accept-older-database", "--number", "x=1"])
            .await
            .contains("production/DE=7")
    );
    let country = look::texts(&db, "SELECT country FROM scope").await.remove(0);
    let number = format!("production/{country}=7");
    let accepted = ok(&home, &["doctor", "--accept-older-database", "--number", &number]).await;
    assert!(accepted.contains(&format!("production/{country}: version numbers up to 7")), "{accepted}");
    assert!(!checks(&home).await.contains(&"older database".to_owned()));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_migrate_signs_the_rows_of_an_earlier_release() {
    let home = Home::new(DatabaseKind::Sqlite).await;
    let fixture = |name: &str| {
        let path =
            std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    home.make_root_key();
    let mut plain = Vec::new();
    let packed = fixture("before-sqlite.db.gz");
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain)
        .expect("it unpacks");
    std::fs::write(home.data().join("keystead.db"), plain).expect("written");
    let facts: serde_json::Value = serde_json::from_slice(&fixture("before-sqlite.json")).expect("facts");
    std::fs::write(home.data().join("root.key"), facts["root_key"].as_str().expect("a key"))
        .expect("written");

    for arguments in [&["api-key", "list"][..], &["admin", "unblock", "--email", "ada@example.com"], &[]] {
        let said = fails(&home, arguments).await;
        assert!(said.contains("run keystead migrate once"), "{said}");
    }
    let said = ok(&home, &["migrate"]).await;
    for line in ["2 administrators", "20 recovery codes", "2 API keys", "3 key versions"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let again = ok(&home, &["migrate"]).await;
    assert!(!again.contains("administrators"), "{again}");
    assert!(ok(&home, &["api-key", "list"]).await.contains("kstd"));
    Keystead::on(home).await;
}
