//! A real server while its disk is full, or its database read-only, stopped or cut off: it refuses
//! changes with a message, acknowledges none that it did not make, shows pages where it can, and
//! recovers by itself afterwards.

use crate::process::cluster::Cluster;
use crate::process::wire::{Cut, Wire};
use crate::process::{EMAIL, Home, Keystead, Raw, RawAnswer, on_postgres};
use engine::store::Db;
use engine::testing::look::{broken, number};
use engine::testing::{DatabaseKind, scale};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const RENAMED: &str =
    "SELECT COUNT(*) FROM audit_event WHERE action = 'environment.rename' AND outcome = 'done'";
const REFUSED: &str = "Nothing was changed; try again in a moment.";

/// A server, a signed-in administrator, and the number of changes acknowledged.
struct Story {
    server: Keystead,
    cookie: String,
    asked: u32,
    acknowledged: i64,
}

impl Story {
    async fn begin(home: Home) -> Self {
        let seed = home.administrator(EMAIL).await;
        let server = Keystead::on(home).await;
        let cookie = server.sign_in_as(EMAIL, &seed).await;
        let made = Raw::post(server.port, "/environments", &cookie, "name=Production&kind=production").await;
        assert_eq!(made.status, 303);
        Self { server, cookie, asked: 0, acknowledged: 0 }
    }

    async fn get(&self, path: &str) -> RawAnswer {
        Raw::get(self.server.port, path, &self.cookie).await
    }

    /// Tries to rename the environment. Each rename takes room in the audit log.
    async fn rename(&mut self) -> RawAnswer {
        self.asked += 1;
        let form = format!("name=Number+{}+{}", self.asked, "x".repeat(40));
        let answer =
            Raw::post(self.server.port, "/environments/production/rename", &self.cookie, &form).await;
        self.acknowledged += i64::from(answer.status == 303);
        answer
    }

    /// Tries a change, and checks that Keystead refuses it and says why.
    async fn is_refused(&mut self) {
        let answer = self.rename().await;
        self.says_why(&answer);
    }

    fn says_why(&self, answer: &RawAnswer) {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.text.contains(REFUSED), "{}", answer.text);
        assert!(answer.header("retry-after").is_some());
        for inside in ["sqlx", "SQLITE", "disk", "postgres", "connection refused", "/tmp"] {
            assert!(!answer.text.contains(inside), "{inside}: {}", answer.text);
        }
    }

    /// Checks that changes are refused, and that every page is shown all the same.
    async fn is_refused_but_read(&mut self) {
        for _ in 0..3 {
            self.is_refused().await;
        }
        self.is_read().await;
    }

    async fn is_read(&self) {
        for path in ["/environments", "/audit", "/profile", "/healthz", "/readyz"] {
            assert_eq!(self.get(path).await.status, 200, "{path} is read");
        }
    }

    /// Checks that changes and pages are refused, as without any database.
    async fn is_refused_wholly(&mut self) {
        let began = Instant::now();
        self.is_refused().await;
        let page = self.get("/environments").await;
        assert_eq!(page.status, 503, "{}", page.text);
        println!("figure: two answers without a database after {:?}", began.elapsed());
    }

    async fn ready(&self) -> u16 {
        self.get("/readyz").await.status
    }

    /// Checks that the server recovers and the same session continues.
    async fn goes_on(&mut self) {
        let began = Instant::now();
        while self.rename().await.status != 303 {
            assert!(began.elapsed() < Duration::from_secs(15), "it does not recover");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(self.ready().await, 200);
        println!("figure: recovered after {:?}", began.elapsed());
    }

    async fn check(&self, db: &Db) {
        assert_eq!(number(db, RENAMED).await, self.acknowledged);
        assert_eq!(broken(db).await, [""; 0]);
    }
}

impl Story {
    /// Checks a copy of the database, because SQLite would follow the path out of the other file system.
    async fn check_copy(&mut self, disk: &Path) {
        self.server.kill().await;
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["keystead.db", "keystead.db-wal"] {
            std::fs::copy(disk.join(name), copy.path().join(name)).expect("a copy");
        }
        let db = Db::sqlite(&copy.path().join("keystead.db")).await.expect("the database opens");
        self.check(&db).await;
        db.close().await;
    }
}

/// A process that only keeps a small file system mounted over a folder, in a mount namespace of its own.
struct SmallDisk {
    holder: Child,
    /// Whether the process is root of a user namespace of its own: without root's rights, or where root may not mount.
    is_own_root: bool,
}

impl SmallDisk {
    async fn over(folder: &Path, size: &str) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        for is_own_root in if is_root { &[false, true][..] } else { &[true] } {
            let mut unshare = Command::new("unshare");
            if *is_own_root {
                unshare.args(["--user", "--map-root-user"]);
            }
            let mount = format!(
                "mount -t tmpfs -o size={size},mode=700 tmpfs \"$0\" && touch \"$0/mounted\" && exec sleep 3600"
            );
            let holder = unshare.args(["--mount", "sh", "-c", &mount]).arg(folder).kill_on_drop(true).spawn();
            let mut disk = Self { holder: holder.expect("unshare runs"), is_own_root: *is_own_root };
            if disk.is_mounted(folder).await {
                return disk;
            }
        }
        panic!("a small file system could not be mounted");
    }

    async fn is_mounted(&mut self, folder: &Path) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) && self.holder.try_wait().expect("its state").is_none()
        {
            if self.within(folder).join("mounted").exists() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// Returns the words that run a program in its namespace.
    fn inside(&self, program: &str) -> Vec<String> {
        let holder = self.holder.id().expect("it runs").to_string();
        let mut words = vec!["nsenter", "--target", &holder, "--mount"];
        if self.is_own_root {
            words.extend(["--user", "--preserve-credentials"]);
        }
        words.push(program);
        words.into_iter().map(str::to_owned).collect()
    }

    /// Returns the path at which the test sees a folder of its namespace.
    fn within(&self, folder: &Path) -> PathBuf {
        let folder = folder.strip_prefix("/").expect("an absolute path");
        let holder = self.holder.id().expect("it runs").to_string();
        Path::new("/proc").join(holder).join("root").join(folder)
    }
}

async fn on_small_disk(size: &str) -> (Story, SmallDisk, PathBuf) {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    std::fs::create_dir(home.data()).expect("a folder");
    let small = SmallDisk::over(&home.data(), size).await;
    home.starter = small.inside(&home.starter[0]);
    let disk = small.within(&home.data());
    (Story::begin(home).await, small, disk)
}

/// Fills the disk.
fn fill(filler: &Path) {
    let mut file = std::fs::File::options().append(true).create(true).open(filler).expect("a file");
    let full = std::io::Write::write_all(&mut file, &vec![0; 16 << 20]).expect_err("it is full");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_changes_and_shows_pages() {
    let (mut story, _small, disk) = on_small_disk("8m").await;
    assert_eq!(story.rename().await.status, 303);
    for _ in 0..scale(2, 20) {
        for number in 0..3 {
            // SQLite's write-ahead log has some room left, and SQLite frees some when it tidies up.
            let began = Instant::now();
            let refusal = loop {
                fill(&disk.join(format!("filler-{number}")));
                let answer = story.rename().await;
                if answer.status != 303 {
                    break answer;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "the disk is full");
            };
            story.says_why(&refusal);
            story.is_read().await;
        }
        for number in 0..3 {
            std::fs::remove_file(disk.join(format!("filler-{number}"))).expect("room again");
        }
        story.goes_on().await;
    }
    story.check_copy(&disk).await;
    println!(
        "figure: a full disk: {} changes asked, {} acknowledged and there",
        story.asked, story.acknowledged
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_only_to_be_read_refuses_changes_and_shows_pages() {
    let (mut story, small, disk) = on_small_disk("8m").await;
    assert_eq!(story.rename().await.status, 303);
    story.server.kill().await;
    let data = story.server.home.data();
    let mount = |how: &str| {
        let words = small.inside("mount");
        let (program, rest) = words.split_first().expect("a program");
        let mut mount = std::process::Command::new(program);
        let mounted = mount.args(rest).args(["-o", how]).arg(&data).status();
        assert!(mounted.expect("mount runs").success());
    };
    mount("remount,ro");
    story.server.start_again().await;
    story.is_refused_but_read().await;
    mount("remount,rw");
    story.goes_on().await;
    story.check_copy(&disk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_only_to_be_read_refuses_changes_and_shows_pages() {
    let home = Home::new(DatabaseKind::Postgres).await;
    let mut story = Story::begin(home).await;
    let db = story.server.home.db().await;
    for _ in 0..scale(1, 20) {
        assert_eq!(story.rename().await.status, 303);
        set_read_only(&story.server.home, true).await;
        story.is_refused_but_read().await;
        set_read_only(&story.server.home, false).await;
        story.goes_on().await;
    }
    story.check(&story.server.home.db().await).await;
    db.close().await;
    story.server.kill().await;
    story.server.home.end().await;
}

/// Makes the database read-only, as after a fail-over to a replica, and cuts its connections; or makes it writable again.
async fn set_read_only(home: &Home, is_so: bool) {
    let name = home.database().path().trim_start_matches('/').to_owned();
    let server = crate::process::postgres();
    on_postgres(&server, &format!("ALTER DATABASE {name} SET default_transaction_read_only = {is_so}")).await;
    on_postgres(&server, &cut(&name)).await;
}

/// Returns the statement that cuts every connection to a database.
fn cut(name: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_stopped_and_started_is_outlived() {
    let mut cluster = Cluster::start().await;
    let mut home = Home::on(&cluster.url()).await;
    let log = home.data().join("log");
    home.log = Some(log.clone());
    let mut story = Story::begin(home).await;
    for round in 0..scale(2, 20) {
        assert_eq!(story.rename().await.status, 303);
        cluster.stop(if round % 2 == 0 { Signal::INT } else { Signal::QUIT }).await;
        story.is_refused_wholly().await;
        assert_eq!(story.ready().await, 503);
        assert_eq!(story.get("/healthz").await.status, 200);
        cluster.go_on().await;
        story.goes_on().await;
    }
    story.check(&story.server.home.db().await).await;
    story.server.kill().await;
    let log = std::fs::read_to_string(log).expect("a log");
    let port = cluster.url().port().expect("a port");
    assert!(
        log.contains(&format!("connection refused at 127.0.0.1:{port}")),
        "the log names the cause: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_at_a_commit_is_never_called_a_success() {
    let cluster = Cluster::start().await;
    let mut home = Home::on(&cluster.url()).await;
    let wire = Wire::before(home.database()).await;
    home.set("KEYSTEAD_DATABASE_URL", wire.url.as_str());
    let mut story = Story::begin(home).await;
    let db = story.server.home.db().await;
    for round in 0..scale(10, 500) {
        assert_eq!(story.rename().await.status, 303);
        let how = if round % 2 == 0 { Cut::BeforeCommit } else { Cut::AfterCommit };
        wire.will(how);
        let answer = story.rename().await;
        assert!(wire.has_cut(), "the commit came by");
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.text.contains("saved completely or not at all"), "{}", answer.text);
        // PostgreSQL committed, but the server cannot know it; the message says so.
        story.acknowledged += i64::from(how == Cut::AfterCommit);
        story.check(&db).await;
    }
    story.goes_on().await;
    db.close().await;
    story.server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_at_random_leave_no_false_success() {
    let mut story = Story::begin(Home::new(DatabaseKind::Postgres).await).await;
    let name = story.server.home.database().path().trim_start_matches('/').to_owned();
    let (mut refused, mut unsure, began) = (0, 0, Instant::now());
    let cutting = tokio::spawn(async move {
        let server = crate::process::postgres();
        loop {
            tokio::time::sleep(Duration::from_millis(7)).await;
            on_postgres(&server, &cut(&name)).await;
        }
    });
    while began.elapsed() < Duration::from_secs(scale(4, 120)) {
        let answer = story.rename().await;
        match answer.status {
            303 => {}
            503 if answer.text.contains(REFUSED) => refused += 1,
            503 if answer.text.contains("completely or not at all") => unsure += 1,
            other => panic!("{other}: {}", answer.text),
        }
    }
    cutting.abort();
    let _ = cutting.await;
    story.goes_on().await;
    let db = story.server.home.db().await;
    let there = number(&db, RENAMED).await;
    println!(
        "figure: connections cut every 7 ms: {} asked, {} acknowledged, {refused} refused, {unsure} unsure; {there} are there",
        story.asked, story.acknowledged
    );
    assert!(refused > 0 && (story.acknowledged..=story.acknowledged + unsure).contains(&there));
    assert_eq!(broken(&db).await, [""; 0]);
    db.close().await;
    story.server.kill().await;
    story.server.home.end().await;
}

/// A restore that has no room fails and leaves nothing; one that says "Restored" has everything in its file.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_on_a_full_disk_fails_or_is_whole() {
    let from = Home::new(DatabaseKind::Sqlite).await;
    from.administrator(EMAIL).await;
    let file = from.data().with_file_name("backup").display().to_string();
    assert!(from.host(&["backup", &file], "").await.status.success());
    let key = from.data().join("root.key").display().to_string();
    let (mut failed, mut restored) = (0, 0);
    for size in ["200k", "400k", "500k", "600k", "700k", "800k", "900k", "2m"] {
        let mut home = Home::new(DatabaseKind::Sqlite).await;
        std::fs::create_dir(home.data()).expect("a folder");
        let small = SmallDisk::over(&home.data(), size).await;
        home.starter = small.inside(&home.starter[0]);
        let inner = home.data().join("inner");
        home.set("KEYSTEAD_DATA_DIR", &inner.display().to_string());
        let done = home.host(&["restore", &file, "--root-key-file", &key], "").await;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let disk = small.within(&inner);
        let left = std::fs::read_dir(&disk).map_or_else(
            |_| Vec::new(),
            |entries| {
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            },
        );
        if done.status.success() {
            restored += 1;
            let copy = tempfile::tempdir().expect("a folder");
            std::fs::copy(disk.join("keystead.db"), copy.path().join("keystead.db")).expect("a copy");
            let db = Db::sqlite(&copy.path().join("keystead.db")).await.expect("the database opens");
            assert_eq!(number(&db, "SELECT COUNT(*) FROM administrator").await, 1, "{size}");
            assert_eq!(broken(&db).await, [""; 0], "{size}");
            db.close().await;
        } else {
            failed += 1;
            assert!(
                !said.contains("Restored.") && left.iter().all(|name| name == "root.key"),
                "{size}: {left:?} {said}"
            );
        }
    }
    assert!(failed > 0 && restored > 0, "{failed} failed, {restored} restored");
}
