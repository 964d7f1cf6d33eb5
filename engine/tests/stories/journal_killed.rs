//! A process that writes the journal as fast as it can is killed repeatedly: afterwards every event whose append had
//! returned is there exactly once.

use crate::journal::event;
use crate::support::at_once;
use domain::audit::journal::JournalQuery;
use domain::data::operation::{DataEvent, Deed};
use engine::audit::journal::Settings as JournalSettings;
use engine::store::Db;
use engine::testing::look::number;
use engine::testing::{root_key, scale};
use engine::{Clock, Portal, Settings};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Environment variable that names the folder to the process that is killed.
const FOLDER: &str = "KEYSTEAD_TEST_APPEND_INTO";

async fn open(folder: &Path) -> (Portal, Db) {
    let db = Db::sqlite(&folder.join("keystead.db")).await.expect("a database");
    let settings = Settings {
        journal: JournalSettings { days: 0, bytes: 0, ..JournalSettings::default() },
        ..Settings::default()
    };
    let portal = Portal::open(db.clone(), &root_key(), Clock::system(), settings).await.expect("a portal");
    portal.audit().open_journal(&folder.join("journal")).await.expect("a journal");
    (portal, db)
}

/// Appends from 32 tasks at once and prints each number after it was acknowledged.
async fn append(portal: &Portal, each: usize) {
    let base = 1_000_000 * u64::from(std::process::id());
    let tasks = (0..32).map(|task| {
        let portal = portal.clone();
        async move {
            for count in 0..each {
                let object = base + (task * each + count) as u64;
                let event = DataEvent { deed: Deed::Decrypt, ..event(portal.now(), object) };
                portal.audit().journal().expect("it is open").append(&event).await.expect("it is written");
                println!("appended {object}");
            }
        }
    });
    at_once(tasks).await;
}

/// Returns the numbers of all events; panics when one occurs twice.
async fn objects(portal: &Portal) -> BTreeSet<String> {
    let (mut objects, mut query) = (BTreeSet::new(), JournalQuery::default());
    loop {
        let page = portal.audit().export_journal(&query).await.expect("a piece");
        assert_eq!(page.damaged, 0);
        for one in page.events {
            assert!(objects.insert(one.event.told.object_id.expect("a number")), "it is there twice");
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            return objects;
        }
    }
}

/// Without the environment variable a short test; with it, the process that the test below kills.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_appends_ends_with_everything_in_rows() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let (portal, _) = open(Path::new(&folder)).await;
        let tending = portal.clone();
        tokio::spawn(async move {
            loop {
                tending.audit().tend_journal().await.expect("tended");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        return append(&portal, 30_000).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (portal, db) = open(folder.path()).await;
    append(&portal, 20).await;
    portal.close_journal_only().await;
    assert_eq!(objects(&portal).await.len(), 32 * 20);
    assert_eq!(number(&db, "SELECT SUM(last_sequence - first_sequence + 1) FROM journal_segment").await, 640);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    const CHILD: &str = "journal_killed::a_process_that_appends_ends_with_everything_in_rows";
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeSet::new();
    let rounds = scale(4, 60);
    for round in 0..rounds {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "--nocapture", CHILD]).env(FOLDER, folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        // Early and late kills, some of them while a full segment is being stored.
        let enough = acknowledged.len() + 300 + round * 7_001 % 20_000;
        for line in lines {
            // The last line of the output may be torn, too.
            let Ok(line) = line else { break };
            if let Some(object) = line.strip_prefix("appended ") {
                acknowledged.insert(object.to_owned());
            }
            if acknowledged.len() >= enough {
                let _ = child.kill();
            }
        }
        assert!(!child.wait().expect("it ended").success(), "it was killed");
    }
    let (portal, _) = open(folder.path()).await;
    let is_there = |there: &BTreeSet<String>| acknowledged.iter().all(|one| there.contains(one));
    assert!(is_there(&objects(&portal).await), "before anything was adopted");
    portal.audit().tend_journal().await.expect("tended");
    let there = objects(&portal).await;
    assert!(is_there(&there));
    assert_eq!(portal.audit().journal_gaps().await.expect("gaps"), []);
    let files = std::fs::read_dir(folder.path().join("journal")).expect("a folder");
    let names = files.map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.contains(".jsonl")).count(), 0);
    println!("figure: killed {rounds} times: {} acknowledged, {} are there", acknowledged.len(), there.len());
}
