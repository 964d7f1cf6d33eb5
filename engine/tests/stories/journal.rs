//! The journal of the data plane: no event is lost, changed or removed unnoticed.

use crate::support::*;
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::{Action, Outcome};
use domain::audit::journal::{JournalGap, JournalQuery, Recorded};
use domain::data::operation::{AuditNote, DataEvent, Deed, Door};
use engine::audit::journal::{Journal, SegmentState, Settings as JournalSettings, Sync};
use engine::base::error::AuditError;
use engine::base::error::StoreError;
use engine::testing::{DatabaseKind, TestPortal, root_key, scale};
use engine::{Error, Portal, Settings};
use sha2::{Digest, Sha512};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

stories! {
    what_is_written_is_found_again_in_files_and_in_rows,
    many_at_once_share_their_writes_and_leave_no_gap,
    what_a_killed_run_had_acknowledged_is_adopted,
    a_torn_last_line_is_cut_off,
    a_changed_file_is_set_aside_and_told,
    a_changed_row_is_found_and_refused_by_the_database,
    a_failed_write_is_an_error_and_leaves_no_gap,
    a_failed_sync_is_an_error_and_is_recovered_from,
    a_full_disk_stops_the_data_plane_and_a_reserve_puts_it_off,
    while_the_database_is_away_segments_stay_files,
    nothing_is_written_before_the_database_knows_of_the_run,
    a_folder_that_cannot_be_made_does_not_stop_the_start,
    two_runs_in_one_folder_leave_each_other_alone,
    a_segment_is_stored_once_also_after_a_crash,
    old_and_too_many_segments_are_taken_away,
    what_is_written_too_fast_waits_for_the_database_and_pushes_out_the_oldest,
    a_search_goes_by_time_scope_and_name_page_by_page,
    a_search_ends_soon_also_when_it_finds_nothing,
    an_export_is_oldest_first,
    a_segment_that_somebody_takes_away_is_missed,
    a_run_that_ends_leaves_no_file,
    the_folder_is_for_its_owner_alone,
}

/// Returns the event of a service that encrypted an object.
pub fn event(at: DateTime<Utc>, object: impl ToString) -> DataEvent {
    DataEvent {
        at,
        who: "orders".into(),
        key: "a1b2c3d4e5f6".into(),
        door: Door::Native,
        deed: Deed::Encrypt,
        scope_id: None,
        scope: "production/DE".into(),
        versions: vec![3],
        items: 1,
        failed: 0,
        outcome: Outcome::Done,
        code: None,
        address: "192.0.2.7".into(),
        event: None,
        made: 0,
        told: AuditNote { object_id: Some(object.to_string()), ..AuditNote::default() },
    }
}

/// Opens another server on the story's database, with its journal in a folder.
async fn server(t: &TestPortal, folder: &Path, journal: JournalSettings) -> Portal {
    let settings = Settings { journal, ..Settings::default() };
    let portal =
        Portal::open(t.db().clone(), &root_key(), t.clock.clone(), settings).await.expect("it opens");
    portal.audit().open_journal(folder).await.expect("a journal");
    portal
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    (folder, journal)
}

fn journal(portal: &Portal) -> &Journal {
    portal.audit().journal().expect("it is open")
}

/// Writes one event a second, with these numbers as objects.
async fn write(t: &TestPortal, portal: &Portal, numbers: std::ops::Range<usize>) {
    for number in numbers {
        t.clock.advance(TimeDelta::seconds(1));
        journal(portal).append(&event(t.clock.now(), number)).await.expect("it is written");
    }
}

/// Lets the segment reach its maximum age, and stores it.
async fn store(t: &TestPortal, portal: &Portal) {
    t.clock.advance(TimeDelta::seconds(60));
    portal.audit().tend_journal().await.expect("tended");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().contains(".jsonl")).collect();
    files.sort();
    files
}

async fn rows(t: &TestPortal) -> i64 {
    number(t.db(), "SELECT COUNT(*) FROM journal_segment").await
}

async fn everything(portal: &Portal) -> Vec<Recorded> {
    exported(portal, JournalQuery::default()).await
}

async fn exported(portal: &Portal, mut query: JournalQuery) -> Vec<Recorded> {
    let mut events = Vec::new();
    loop {
        let page = portal.audit().export_journal(&query).await.expect("a piece");
        assert_eq!(page.damaged, 0);
        events.extend(page.events);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return events;
        }
    }
}

/// Searches through all pages; returns the objects of the events, newest first, and the number of pages.
async fn found(portal: &Portal, mut query: JournalQuery) -> (Vec<usize>, usize) {
    let (mut objects, mut pages) = (Vec::new(), 0);
    loop {
        let page = portal.audit().search_journal(&query).await.expect("a page");
        assert!(page.events.len() <= 50);
        objects.extend(page.events.iter().map(object));
        (query.cursor, pages) = (page.next, pages + 1);
        if query.cursor.is_none() {
            return (objects, pages);
        }
        assert!(pages < 100, "the search does not end");
    }
}

fn object(recorded: &Recorded) -> usize {
    recorded.event.told.object_id.as_ref().expect("an object").parse().expect("a number")
}

/// Checks that the sequence numbers of each run are 1, 2, 3, …; returns the number of events.
async fn gapless(portal: &Portal) -> usize {
    let mut places: Vec<_> = everything(portal).await.iter().map(|one| (one.server, one.sequence)).collect();
    places.sort();
    for run in places.chunk_by(|one, other| one.0 == other.0) {
        let sequences: Vec<_> = run.iter().map(|(_, sequence)| *sequence).collect();
        assert_eq!(sequences, (1..=run.len() as u64).collect::<Vec<_>>());
    }
    places.len()
}

async fn what_is_written_is_found_again_in_files_and_in_rows(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    write(t, &portal, 0..10).await;
    let in_files = everything(&portal).await;
    assert_eq!(in_files.iter().map(object).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert!(in_files.iter().all(|one| one.server == journal(&portal).server()));
    assert_eq!((files(&folder).len(), rows(t).await), (1, 0));
    store(t, &portal).await;
    assert_eq!((files(&folder).len(), rows(t).await), (0, 1));
    assert_eq!(everything(&portal).await, in_files);
    let state = portal.audit().verify_segment(journal(&portal).server(), 1).await.expect("it is there");
    assert_eq!(state, SegmentState::Whole { events: 10 });
    // The chain goes on from segment to segment.
    write(t, &portal, 10..15).await;
    store(t, &portal).await;
    assert_eq!((gapless(&portal).await, rows(t).await), (15, 2));
    let chained =
        "SELECT COUNT(*) FROM journal_segment a JOIN journal_segment b ON a.mac_after = b.mac_before";
    assert_eq!(number(t.db(), chained).await, 1);
}

async fn many_at_once_share_their_writes_and_leave_no_gap(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    let each = scale(50, 5000);
    let began = Instant::now();
    let tasks = (0..64).map(|task| {
        let (journal, at) = (journal(&portal).clone(), t.clock.now());
        async move {
            for number in 0..each {
                journal.append(&event(at, task * each + number)).await.expect("it is written");
            }
        }
    });
    at_once(tasks).await;
    let (events, writes) = (64 * each, journal(&portal).writes());
    let each_second = events as f64 / began.elapsed().as_secs_f64();
    println!("figure: 64 at once: {each_second:.0} events a second, {events} events in {writes} writes");
    // How many share a write depends on the machine. The long form, which runs alone, expects four.
    assert!(writes < (events / scale(1, 4)) as u64, "{events} events took {writes} writes");
    store(t, &portal).await;
    assert_eq!(gapless(&portal).await, events);
}

async fn what_a_killed_run_had_acknowledged_is_adopted(t: &TestPortal) {
    let (_keep, folder) = folder();
    let killed = server(t, &folder, JournalSettings::default()).await;
    write(t, &killed, 0..25).await;
    let run = journal(&killed).server();
    drop(killed);
    let next = server(t, &folder, JournalSettings::default()).await;
    assert_eq!(gapless(&next).await, 25, "it is found before it is a row");
    next.audit().tend_journal().await.expect("tended");
    assert_eq!((files(&folder).len(), rows(t).await), (0, 1));
    assert_eq!(gapless(&next).await, 25);
    assert_eq!(
        next.audit().verify_segment(run, 1).await.expect("it is there"),
        SegmentState::Whole { events: 25 }
    );
    assert_eq!(logged(t, Action::JournalDamaged, Outcome::Refused).await, 0);
}

async fn a_torn_last_line_is_cut_off(t: &TestPortal) {
    let (_keep, folder) = folder();
    for (cut, whole) in [(1, 5), (2, 4), (150, 4)] {
        let killed = server(t, &folder, JournalSettings::default()).await;
        write(t, &killed, 0..5).await;
        let run = journal(&killed).server();
        drop(killed);
        let file = &files(&folder)[0];
        let text = std::fs::read(file).expect("read");
        std::fs::write(file, &text[..text.len() - cut]).expect("torn");
        let next = server(t, &folder, JournalSettings::default()).await;
        next.audit().tend_journal().await.expect("tended");
        let state = next.audit().verify_segment(run, 1).await.expect("it is there");
        assert_eq!(state, SegmentState::Whole { events: whole });
        next.close_journal_only().await;
    }
    // Torn so early that no whole line is left.
    let killed = server(t, &folder, JournalSettings::default()).await;
    write(t, &killed, 0..1).await;
    drop(killed);
    let file = &files(&folder)[0];
    std::fs::write(file, &std::fs::read(file).expect("read")[..40]).expect("torn");
    let next = server(t, &folder, JournalSettings::default()).await;
    next.audit().tend_journal().await.expect("tended");
    assert_eq!((files(&folder).len(), rows(t).await), (0, 3));
}

async fn a_changed_file_is_set_aside_and_told(t: &TestPortal) {
    let (_keep, folder) = folder();
    let killed = server(t, &folder, JournalSettings::default()).await;
    write(t, &killed, 0..5).await;
    drop(killed);
    let file = &files(&folder)[0];
    let mut text = std::fs::read(file).expect("read");
    let middle = text.len() / 2;
    text[middle] ^= 1;
    std::fs::write(file, &text).expect("changed");
    let next = server(t, &folder, JournalSettings::default()).await;
    let page = next.audit().search_journal(&JournalQuery::default()).await.expect("a page");
    assert_eq!((page.events.len(), page.damaged), (0, 1));
    for _ in 0..2 {
        store(t, &next).await;
    }
    assert_eq!(rows(t).await, 0);
    let mut aside = file.clone().into_os_string();
    aside.push(".damaged");
    assert_eq!(std::fs::read(&aside).expect("it is kept"), text);
    assert_eq!(files(&folder), [PathBuf::from(aside)]);
    assert_eq!(logged(t, Action::JournalDamaged, Outcome::Refused).await, 1);
    // The damage does not stop the journal.
    write(t, &next, 5..6).await;
    assert_eq!(gapless(&next).await, 1);
}

async fn a_changed_row_is_found_and_refused_by_the_database(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    write(t, &portal, 0..5).await;
    store(t, &portal).await;
    let run = journal(&portal).server();
    let forbidden = ["UPDATE journal_segment SET last_sequence = 9", "DELETE FROM journal_run"];
    let own = match t.kind() {
        DatabaseKind::Sqlite => "INSERT OR REPLACE INTO journal_segment SELECT * FROM journal_segment",
        DatabaseKind::Postgres => "TRUNCATE journal_segment",
    };
    for sql in forbidden.into_iter().chain([own]) {
        let refused = execute(t.db(), sql).await.expect_err("the database refuses").to_string();
        assert!(refused.contains("the journal is only appended to"), "{sql}: {refused}");
    }
    // An attacker with every right in the database.
    let off = match t.kind() {
        DatabaseKind::Sqlite => "DROP TRIGGER journal_segment_is_not_changed",
        DatabaseKind::Postgres => "DROP TRIGGER journal_segment_is_not_changed ON journal_segment",
    };
    execute(t.db(), off).await.expect("dropped");
    let whole = async || portal.audit().verify_segment(run, 1).await.expect("it is there");
    let body = bytes(t.db(), "SELECT body FROM journal_segment").await;
    for at in (0..body.len()).step_by(7).chain([body.len() - 1]) {
        let mut changed = body.clone();
        changed[at] ^= 1;
        put_bytes(t.db(), "UPDATE journal_segment SET body = $1", &changed).await;
        assert!(matches!(whole().await, SegmentState::Damaged(_)), "byte {at}");
    }
    let page = portal.audit().search_journal(&JournalQuery::default()).await.expect("a page");
    assert_eq!((page.events.len(), page.damaged), (0, 1));
    put_bytes(t.db(), "UPDATE journal_segment SET body = $1", &body).await;
    assert_eq!(whole().await, SegmentState::Whole { events: 5 });
    for (column, other) in
        [("plain_bytes", "plain_bytes + 1"), ("last_sequence", "6"), ("last_at", "first_at")]
    {
        let before = format!("ALTER TABLE journal_segment ADD COLUMN kept_{column} TEXT");
        execute(t.db(), &before).await.expect("a column");
        let keep =
            format!("UPDATE journal_segment SET kept_{column} = CAST({column} AS TEXT), {column} = {other}");
        execute(t.db(), &keep).await.expect("changed");
        assert!(matches!(whole().await, SegmentState::Damaged(_)), "{column}");
        let kind = match (t.kind(), column) {
            (DatabaseKind::Postgres, "last_at") => "TIMESTAMPTZ",
            (DatabaseKind::Sqlite, "last_at") => "TEXT",
            _ => "BIGINT",
        };
        let back = format!("UPDATE journal_segment SET {column} = CAST(kept_{column} AS {kind})");
        execute(t.db(), &back).await.expect("put back");
        assert_eq!(whole().await, SegmentState::Whole { events: 5 }, "{column}");
    }
}

async fn a_failed_write_is_an_error_and_leaves_no_gap(t: &TestPortal) {
    let (_keep, folder) = folder();
    for sync in [Sync::Second, Sync::Answer] {
        let portal = server(t, &folder, JournalSettings { sync, ..JournalSettings::default() }).await;
        let before = gapless(&portal).await;
        let mut written = 0;
        for step in ["journal_write", "journal_torn"] {
            for skip in [0, 1, 2] {
                fail_after(step, skip);
                for number in 0..5 {
                    match journal(&portal).append(&event(t.clock.now(), number)).await {
                        Ok(()) => written += 1,
                        Err(Error::Audit(AuditError::Journal(_))) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                fail::remove(step);
            }
        }
        // The first failure means a full disk: the journal gives up its reserve, and its second try succeeds.
        assert_eq!(written, 30 - 5);
        // Of many concurrent events, those chained behind the failed write fail too, and no others.
        fail_after("journal_torn", 3);
        let tasks = (0..200).map(|number| {
            let (journal, at) = (journal(&portal).clone(), t.clock.now());
            async move { journal.append(&event(at, number)).await.is_ok() }
        });
        let done = at_once(tasks).await.into_iter().filter(|done| *done).count();
        fail::remove("journal_torn");
        assert_eq!(gapless(&portal).await, before + written + done);
        let problem = domain::Problem::from(&Error::Audit(AuditError::Journal(std::sync::Arc::new(
            std::io::Error::other("x"),
        ))));
        assert!(
            problem
                .message
                .starts_with("The journal cannot be written, so nothing is encrypted or decrypted.")
        );
        store(t, &portal).await;
        assert_eq!(gapless(&portal).await, before + written + done);
        assert_eq!(logged(t, Action::JournalDamaged, Outcome::Refused).await, 0);
        portal.close_journal_only().await;
    }
}

async fn a_failed_sync_is_an_error_and_is_recovered_from(t: &TestPortal) {
    let (_keep, folder) = folder();
    let strict = JournalSettings { sync: Sync::Answer, ..JournalSettings::default() };
    let portal = server(t, &folder, strict).await;
    let append = async |portal: &Portal| journal(portal).append(&event(t.clock.now(), 1)).await;
    append(&portal).await.expect("written");
    fail_after("journal_sync", 0);
    refused!(append(&portal).await, Error::Audit(AuditError::Journal(_)));
    append(&portal).await.expect("written");
    // The event that was written but not acknowledged stays, and a new segment begins after it.
    assert_eq!((gapless(&portal).await, files(&folder).len()), (3, 2));
    portal.close_journal_only().await;

    let portal = server(t, &folder, JournalSettings::default()).await;
    append(&portal).await.expect("written");
    portal.audit().sync_journal().await.expect("synced");
    fail::cfg("journal_sync", "return").expect("a failpoint");
    refused!(portal.audit().sync_journal().await, Error::Audit(AuditError::Journal(_)));
    refused!(append(&portal).await, Error::Audit(AuditError::Journal(_)));
    fail_after("journal_sync", 1);
    portal.audit().sync_journal().await.expect("there is nothing to sync, so nothing is proved");
    refused!(append(&portal).await, Error::Audit(AuditError::Journal(_)));
    fail::remove("journal_sync");
    append(&portal).await.expect("it goes on by itself");
    store(t, &portal).await;
    assert_eq!(gapless(&portal).await, 3 + 4);
    assert_eq!(files(&folder).len(), 0);
}

/// Starts a process that only keeps a small file system mounted; returns it and the path of the file system.
fn small_disk() -> (std::process::Child, PathBuf) {
    let place = tempfile::tempdir().expect("a folder").keep();
    let mount = "mount -t tmpfs -o size=64m,mode=700 tmpfs \"$0\" && touch \"$0/mounted\" && exec sleep 600";
    for world in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let mut unshare = std::process::Command::new("unshare");
        let mut holder =
            unshare.args(world).args(["sh", "-c", mount]).arg(&place).spawn().expect("unshare runs");
        let inside = PathBuf::from(format!("/proc/{}/root{}", holder.id(), place.display()));
        let began = Instant::now();
        while began.elapsed().as_secs() < 5 && holder.try_wait().expect("its state").is_none() {
            if inside.join("mounted").exists() {
                return (holder, inside);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    panic!("a small file system could not be mounted");
}

/// Fills the disk.
fn fill(filler: &Path) {
    let mut file = std::fs::File::options().append(true).create(true).open(filler).expect("a file");
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
}

async fn a_full_disk_stops_the_data_plane_and_a_reserve_puts_it_off(t: &TestPortal) {
    let (mut holder, disk) = small_disk();
    let portal = server(t, &disk.join("journal"), JournalSettings::default()).await;
    assert!(!portal.audit().is_journal_on_reserve());
    let mut big = event(t.clock.now(), 1);
    big.told.data_label = Some("x".repeat(100_000));
    let append = async || journal(&portal).append(&big).await;
    append().await.expect("written");
    fill(&disk.join("filler"));
    // The journal gives up its reserve, and its 16 MiB last for a while.
    let mut written = 1;
    while append().await.is_ok() {
        written += 1;
    }
    assert!((150..=170).contains(&written), "{written} events of 100 kB");
    for _ in 0..3 {
        refused!(append().await, Error::Audit(AuditError::Journal(_)));
    }
    t.clock.advance(TimeDelta::seconds(1));
    // Storing needs no room on this disk: it removes full segments, so that waiting events can be written.
    let _ = portal.audit().tend_journal().await;
    assert!(portal.audit().is_journal_on_reserve());
    std::fs::remove_file(disk.join("filler")).expect("room again");
    append().await.expect("it goes on by itself");
    store(t, &portal).await;
    assert!(!portal.audit().is_journal_on_reserve(), "there is a reserve again");
    assert_eq!(gapless(&portal).await, written + 1);
    portal.close_journal_only().await;
    holder.kill().expect("it ends");
    holder.wait().expect("it ended");
}

async fn while_the_database_is_away_segments_stay_files(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    execute(t.db(), "ALTER TABLE journal_segment RENAME TO away").await.expect("renamed");
    for number in 0..3 {
        write(t, &portal, number..number + 1).await;
        t.clock.advance(TimeDelta::seconds(60));
        refused!(portal.audit().tend_journal().await, Error::Store(StoreError::Database(_)));
    }
    assert_eq!(files(&folder).len(), 3);
    execute(t.db(), "ALTER TABLE away RENAME TO journal_segment").await.expect("renamed");
    portal.audit().tend_journal().await.expect("tended");
    assert_eq!((files(&folder).len(), rows(t).await, gapless(&portal).await), (0, 3, 3));
}

async fn nothing_is_written_before_the_database_knows_of_the_run(t: &TestPortal) {
    let (_keep, folder) = folder();
    execute(t.db(), "ALTER TABLE journal_run RENAME TO away").await.expect("renamed");
    let portal = server(t, &folder, JournalSettings::default()).await;
    refused!(journal(&portal).append(&event(t.clock.now(), 1)).await, Error::Audit(AuditError::Journal(_)));
    execute(t.db(), "ALTER TABLE away RENAME TO journal_run").await.expect("renamed");
    portal.audit().tend_journal().await.expect("tended");
    write(t, &portal, 0..1).await;
    assert_eq!(gapless(&portal).await, 1);
}

async fn a_folder_that_cannot_be_made_does_not_stop_the_start(t: &TestPortal) {
    let (keep, _) = folder();
    let taken = keep.path().join("taken");
    std::fs::write(&taken, "a file").expect("written");
    let portal = server(t, &taken, JournalSettings::default()).await;
    refused!(journal(&portal).append(&event(t.clock.now(), 1)).await, Error::Audit(AuditError::Journal(_)));
    assert!(portal.audit().is_journal_on_reserve());
    std::fs::remove_file(&taken).expect("removed");
    write(t, &portal, 0..1).await;
    assert_eq!(gapless(&portal).await, 1);
    // A portal without a journal records nothing.
    refused!(t.portal.audit().journal().map(drop), Error::Audit(AuditError::Journal(_)));
    t.portal.audit().tend_journal().await.expect("nothing to do");
}

async fn two_runs_in_one_folder_leave_each_other_alone(t: &TestPortal) {
    let (_keep, folder) = folder();
    let one = server(t, &folder, JournalSettings::default()).await;
    let other = server(t, &folder, JournalSettings::default()).await;
    write(t, &one, 0..5).await;
    write(t, &other, 5..10).await;
    other.audit().tend_journal().await.expect("tended");
    assert_eq!(files(&folder).len(), 2, "neither is touched");
    write(t, &one, 10..12).await;
    assert_eq!(gapless(&other).await, 12);
    store(t, &one).await;
    assert_eq!((files(&folder).len(), rows(t).await), (1, 1));
    store(t, &other).await;
    assert_eq!((files(&folder).len(), rows(t).await), (0, 2));
    assert_eq!(gapless(&one).await, 12);
}

async fn a_segment_is_stored_once_also_after_a_crash(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    write(t, &portal, 0..5).await;
    let file = files(&folder)[0].clone();
    let text = std::fs::read(&file).expect("read");
    store(t, &portal).await;
    assert!(!file.exists());
    // As if the server had been killed after it stored the row and before it removed the file.
    std::fs::write(&file, &text).expect("written");
    let next = server(t, &folder, JournalSettings::default()).await;
    assert_eq!(gapless(&next).await, 5, "what is in a file and in a row is shown once");
    next.audit().tend_journal().await.expect("tended");
    assert_eq!((files(&folder).len(), rows(t).await, gapless(&next).await), (0, 1, 5));
    // A different file with the same number is not removed but set aside.
    let cut = text.iter().take(text.len() - 1).rposition(|byte| *byte == b'\n').expect("a line");
    std::fs::write(&file, &text[..=cut]).expect("written");
    store(t, &next).await;
    assert!(files(&folder)[0].to_string_lossy().ends_with(".damaged"));
    assert_eq!(logged(t, Action::JournalDamaged, Outcome::Refused).await, 1);
}

async fn old_and_too_many_segments_are_taken_away(t: &TestPortal) {
    let (_keep, folder) = folder();
    let days = JournalSettings { days: 30, ..JournalSettings::default() };
    let portal = server(t, &folder, days).await;
    let run = journal(&portal).server();
    for day in 0..4 {
        write(t, &portal, day..day + 1).await;
        store(t, &portal).await;
        t.clock.advance(TimeDelta::days(10));
    }
    // The first two are more than thirty days old now; the third is not, by a few minutes.
    t.clock.advance(TimeDelta::days(-1));
    portal.audit().tend_journal().await.expect("tended");
    assert_eq!(found(&portal, JournalQuery::default()).await.0, [3, 2, 1]);
    let expired: Vec<_> =
        log(t).await.into_iter().filter(|event| event.action == Action::JournalExpired).collect();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].detail, "1 segment, until 2026-11-22 12:00:01 UTC");
    assert_eq!((expired[0].who.as_str(), expired[0].outcome), ("Keystead", Outcome::Done));
    assert_eq!(portal.audit().journal_gaps().await.expect("gaps"), [], "what is too old is not missed");

    let size = engine::testing::look::count(t.db(), "SELECT SUM(stored_bytes) FROM journal_segment")
        .await
        .unsigned_abs();
    let bytes = JournalSettings { days: 0, bytes: size - 1, ..JournalSettings::default() };
    let small = server(t, &folder, bytes).await;
    small.audit().tend_journal().await.expect("tended");
    assert_eq!(found(&small, JournalQuery::default()).await.0, [3, 2]);
    let for_ever = server(t, &folder, JournalSettings { days: 0, bytes: 0, ..days }).await;
    t.clock.advance(TimeDelta::days(4000));
    for_ever.audit().tend_journal().await.expect("tended");
    assert_eq!(found(&for_ever, JournalQuery::default()).await.0, [3, 2]);
    assert_eq!(
        portal.audit().verify_segment(run, 4).await.expect("it is there"),
        SegmentState::Whole { events: 1 }
    );
}

/// A service that writes without pause fills neither the disk nor the database.
async fn what_is_written_too_fast_waits_for_the_database_and_pushes_out_the_oldest(t: &TestPortal) {
    let (_keep, folder) = folder();
    let small = JournalSettings { days: 0, bytes: 1 << 20, ..JournalSettings::default() };
    let portal = server(t, &folder, small).await;
    let mut event = event(t.clock.now(), 0);
    event.told.custom = [("long".to_owned(), "x".repeat(64 * 1024))].into();
    let mut written = 0;
    let refused = loop {
        match journal(&portal).append(&event).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "there is an end to what waits");
    };
    assert!(
        matches!(&refused, Error::Audit(AuditError::Journal(why)) if why.to_string().contains("waits")),
        "{refused:?}"
    );
    assert!(!portal.audit().is_journal_writable());
    let size: u64 = files(&folder).iter().map(|file| file.metadata().expect("a file").len()).sum();
    assert!((4 << 20..8 << 20).contains(&size), "{size}");
    portal.audit().tend_journal().await.expect("tended");
    assert!(portal.audit().is_journal_writable() && files(&folder).len() <= 1);
    journal(&portal).append(&event).await.expect("it goes on");

    // Incompressible texts: the database exceeds its limit no longer than one round.
    for round in 0..4 {
        for number in 0..100 {
            let part = |part| Sha512::digest(format!("{round} {number} {part}"));
            let text: Vec<u8> = (0..256).flat_map(part).collect();
            event.told.custom = [("random".to_owned(), data_encoding::BASE64.encode(&text))].into();
            event.told.object_id = Some(format!("{round} {number}"));
            journal(&portal).append(&event).await.expect("it is written");
        }
        store(t, &portal).await;
        let stored = engine::testing::look::count(
            t.db(),
            "SELECT COALESCE(SUM(stored_bytes), 0) FROM journal_segment",
        );
        assert!(stored.await <= 1 << 20, "in the same round");
    }
}

async fn a_search_goes_by_time_scope_and_name_page_by_page(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    let other = server(t, &folder, JournalSettings::default()).await;
    let began = t.clock.now();
    // 240 events, one a second, alternating between two runs, in four rows and two files.
    for number in 0..240 {
        let mut event = event(began + TimeDelta::seconds(number), usize::try_from(number).expect("a number"));
        if number % 10 == 0 {
            (event.scope, event.who, event.key) =
                ("test/FR".into(), "invoices".into(), "ffffffffffff".into());
        }
        let writer = if number % 2 == 0 { &portal } else { &other };
        journal(writer).append(&event).await.expect("written");
        if number % 80 == 79 && number < 200 {
            store(t, &portal).await;
            store(t, &other).await;
        }
    }
    assert_eq!((rows(t).await, files(&folder).len()), (4, 2));
    let newest_first: Vec<usize> = (0..240).rev().collect();
    assert_eq!(found(&portal, JournalQuery::default()).await, (newest_first.clone(), 5));
    assert_eq!(found(&other, JournalQuery::default()).await.0, newest_first);

    let at = |seconds| Some(began + TimeDelta::seconds(seconds));
    let range = JournalQuery { from: at(30), to: at(200), ..JournalQuery::default() };
    assert_eq!(found(&portal, range.clone()).await.0, (30..200).rev().collect::<Vec<_>>());
    let tens = || (0..240).rev().filter(|number| number % 10 == 0).collect::<Vec<usize>>();
    let scope = JournalQuery { scope: Some("test/FR".into()), ..JournalQuery::default() };
    assert_eq!(found(&portal, scope).await.0, tens());
    for who in ["invoices", "ffffffffffff"] {
        let who = JournalQuery { who: Some(who.into()), ..JournalQuery::default() };
        assert_eq!(found(&portal, who).await.0, tens());
    }
    let nobody = JournalQuery { who: Some("nobody".into()), ..range.clone() };
    assert_eq!(found(&portal, nobody).await.0, [0; 0]);
    let nothing = JournalQuery { from: at(100), to: at(100), ..JournalQuery::default() };
    assert_eq!(found(&portal, nothing).await.0, [0; 0]);

    // A page stays the same while newer events arrive and files become rows.
    let first = portal.audit().search_journal(&JournalQuery::default()).await.expect("a page");
    let second = JournalQuery { cursor: first.next, ..JournalQuery::default() };
    let before = portal.audit().search_journal(&second).await.expect("a page");
    journal(&portal).append(&event(began + TimeDelta::seconds(500), 500)).await.expect("written");
    store(t, &portal).await;
    assert_eq!(portal.audit().search_journal(&second).await.expect("a page"), before);
    for cursor in ["", "x", "AAAA", &"_".repeat(43)] {
        let query = JournalQuery { cursor: Some(cursor.into()), ..JournalQuery::default() };
        refused!(portal.audit().search_journal(&query).await, Error::NotFound);
    }
}

async fn a_search_ends_soon_also_when_it_finds_nothing(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    for number in 0..40 {
        write(t, &portal, number..number + 1).await;
        store(t, &portal).await;
    }
    // More rows than one listing returns, all of one moment, as many servers make them.
    let at = t.clock.now();
    for number in 40..120 {
        journal(&portal).append(&event(at, number)).await.expect("written");
        store(t, &portal).await;
    }
    let nobody = JournalQuery { who: Some("nobody".into()), ..JournalQuery::default() };
    let page = portal.audit().search_journal(&nobody).await.expect("a page");
    assert!(page.events.is_empty() && page.next.is_some(), "it goes on later");
    let (objects, pages) = found(&portal, nobody).await;
    assert!(objects.is_empty() && (2..=5).contains(&pages), "{pages} pages");
    let (mut objects, _) = found(&portal, JournalQuery::default()).await;
    objects.sort_unstable();
    assert_eq!(objects, (0..120).collect::<Vec<_>>());
}

async fn an_export_is_oldest_first(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    let began = t.clock.now();
    for number in 0..12_000 {
        let at = began + TimeDelta::milliseconds(number);
        let journal = journal(&portal);
        journal.append(&event(at, usize::try_from(number).expect("a number"))).await.expect("written");
        if number % 5000 == 4999 {
            store(t, &portal).await;
        }
    }
    let objects: Vec<_> = everything(&portal).await.iter().map(object).collect();
    assert_eq!(objects, (0..12_000).collect::<Vec<_>>());
    let second = |seconds| Some(began + TimeDelta::seconds(seconds));
    let some = JournalQuery { from: second(4), to: second(11), ..JournalQuery::default() };
    let objects: Vec<_> = exported(&portal, some).await.iter().map(object).collect();
    assert_eq!(objects, (4000..11_000).collect::<Vec<_>>());
    let line = serde_json::to_string(&everything(&portal).await[0]).expect("a line");
    assert!(line.contains(r#""sequence":1,"at":"2026-11-22T12:00:00Z","who":"orders""#), "{line}");
}

async fn a_segment_that_somebody_takes_away_is_missed(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    let run = journal(&portal).server();
    for number in 0..4 {
        write(t, &portal, number * 5..number * 5 + 5).await;
        store(t, &portal).await;
    }
    assert_eq!(portal.audit().journal_gaps().await.expect("gaps"), []);
    execute(t.db(), "DELETE FROM journal_segment WHERE first_sequence = 6").await.expect("taken away");
    let gap = JournalGap { server: run, first: 6, last: 10 };
    assert_eq!(portal.audit().journal_gaps().await.expect("gaps"), [gap]);
    // A file is removed before it becomes a row.
    write(t, &portal, 20..22).await;
    std::fs::remove_file(&files(&folder)[0]).expect("taken away");
    store(t, &portal).await;
    assert_eq!(logged(t, Action::JournalDamaged, Outcome::Refused).await, 1);
    portal.close_journal_only().await;
    let last = JournalGap { server: run, first: 21, last: 22 };
    assert_eq!(portal.audit().journal_gaps().await.expect("gaps"), [gap, last]);
}

async fn a_run_that_ends_leaves_no_file(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    write(t, &portal, 0..7).await;
    portal.close_journal_only().await;
    assert_eq!((files(&folder).len(), rows(t).await), (0, 1));
    let ended = "SELECT COUNT(*) FROM journal_run WHERE last_sequence = 7 AND ended_at IS NOT NULL";
    assert_eq!(number(t.db(), ended).await, 1);
    refused!(journal(&portal).append(&event(t.clock.now(), 1)).await, Error::Audit(AuditError::Journal(_)));
}

async fn the_folder_is_for_its_owner_alone(t: &TestPortal) {
    let (_keep, folder) = folder();
    let portal = server(t, &folder, JournalSettings::default()).await;
    write(t, &portal, 0..1).await;
    let mode = |path: &Path| path.metadata().expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
