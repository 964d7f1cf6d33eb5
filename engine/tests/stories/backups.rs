//! Backup, restore, and a database that is older than it was.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::data::operation::{AuditNote, Door, Operation};
use domain::data::tenant_secret::SecretType;
use domain::keys::command::CreateKey;
use domain::keys::limits::DailyLimits;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::{ChangesError, VaultError};
use engine::data::context::Context;
use engine::data::derive::ToDerive;
use engine::data::{Call, ToEncrypt, ToOpen};
use engine::overview::backup;
use engine::overview::backup::Manifest;
use engine::store::Db;
use engine::testing::{DatabaseKind, Person, Place, TestPortal, from, look, root_key};
use engine::{Error, Portal, SecretBytes, SecretText, Settings};
use std::collections::BTreeMap;
use tempfile::TempDir;

stories! {
    a_backup_opens_in_an_empty_database_of_either_kind,
    a_restore_revives_nothing_and_gives_no_id_again,
    a_backup_holds_one_moment,
    a_backup_is_recorded,
    a_damaged_backup_leaves_nothing_behind,
    only_an_empty_database_is_filled,
    what_was_changed_in_a_backup_is_named,
    a_server_that_saw_more_makes_no_versions_until_that_is_accepted,
    a_running_server_notices_that_the_database_went_back,
    other_lines_under_the_same_numbers_are_noticed,
    the_newest_database_ends_it_when_it_is_back,
    until_a_restore_is_complete_no_version_is_made,
    a_journal_that_the_database_lacks_proves_it_older,
    numbers_lie_above_all_that_are_known,
}

const NAME: &str = "production/DE";

async fn backed_up(db: &Db, t: &TestPortal) -> Vec<u8> {
    let made = backup::write(db, root_key(), "test", t.clock.now(), Vec::new()).await;
    made.expect("a backup").1
}

async fn restored(kind: DatabaseKind, file: &[u8], t: &TestPortal) -> (Place, Portal, Manifest) {
    let place = Place::fresh(kind).await;
    let db = place.connect().await;
    let read = backup::read_into(&db, vec![root_key()], t.clock.now(), std::io::Cursor::new(file.to_vec()));
    let (manifest, _) = read.await.expect("it is restored");
    let settings = Settings { daily: DailyLimits { per_type: 9, per_scope: 9 }, ..Settings::default() };
    let portal = Portal::open(db, &root_key(), t.clock.clone(), settings).await.expect("it opens");
    portal.overview().restored(&manifest, BTreeMap::new(), None).await.expect("recorded");
    (place, portal, manifest)
}

struct Filled {
    ada: Person,
    de: ScopeName,
    key: SecretText,
    /// What each version encrypted, oldest first.
    ciphertexts: Vec<Vec<u8>>,
    derived: Vec<u8>,
}

async fn call(portal: &Portal, key: &SecretText) -> Call {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    Call { caller, door: Door::Native, scope: NAME.to_owned(), told: AuditNote::default() }
}

async fn encrypted(portal: &Portal, key: &SecretText) -> Vec<u8> {
    let item = ToEncrypt { plaintext: SecretBytes::new(b"hello".to_vec()), context: Context::new() };
    let done = portal.data().encrypt(&call(portal, key).await, &[Ok(item)]).await.expect("allowed");
    done.into_iter().next().expect("one answer").expect("encrypted").bytes
}

async fn decrypts(portal: &Portal, key: &SecretText, sealed: &[u8]) -> bool {
    let item = ToOpen { sealed: sealed.to_vec(), context: Context::new() };
    let done = portal.data().decrypt(&call(portal, key).await, &[Ok(item)]).await.expect("allowed");
    done.into_iter().next().expect("one answer").is_ok_and(|opened| opened.bytes.expose() == b"hello")
}

async fn derived(portal: &Portal, key: &SecretText) -> Vec<u8> {
    let paths = [("users".to_owned(), ["name".to_owned()].into())].into();
    let asked = ToDerive { secret_type: SecretType::Deterministic, paths };
    let call = Call { door: Door::Tsp, ..call(portal, key).await };
    let derived = portal.data().derive(&call, &asked).await.expect("derived");
    derived["users"]["name"][0].key.expose().to_vec()
}

async fn with_journal(portal: &Portal) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    portal.audit().open_journal(&folder.path().join("journal")).await.expect("a journal");
    folder
}

async fn next_version(
    t: &TestPortal,
    portal: &Portal,
    who: &Person,
    scope: &ScopeName,
) -> Result<u32, Error> {
    let plan = portal.keys().plan_rotate(&who.session, scope, RotationPeriod::Days30).await?;
    let id = portal.changes().prepare(&who.session, &plan).await?;
    let proof = portal.proof(&who.session, id, &t.code(who)).await?;
    t.next_code();
    Ok(portal.keys().rotate(proof).await?.number)
}

/// Fills a portal with something of everything.
async fn fill(t: &TestPortal) -> Filled {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.open_journal(&t.portal).await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let key = t.api_key([7; 6], "Orders", NAME, Operation::ALL).await;
    let mut ciphertexts = vec![encrypted(&t.portal, &key).await];
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    next_version(t, &t.portal, &ada, &de).await.expect("a version");
    ciphertexts.push(encrypted(&t.portal, &key).await);
    let derived = derived(&t.portal, &key).await;
    Filled { ada, de, key, ciphertexts, derived }
}

async fn a_backup_opens_in_an_empty_database_of_either_kind(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    t.portal.audit().tend_journal().await.expect("tended");
    let file = backed_up(t.db(), t).await;
    for secret in [&filled.ciphertexts[0][..], b"ada@example.com", filled.key.expose().as_bytes()] {
        assert!(!file.windows(secret.len()).any(|some| some == secret), "a backup shows nothing of its rows");
    }
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let (place, portal, manifest) = Box::pin(restored(kind, &file, t)).await;
        let _folder = with_journal(&portal).await;
        for sealed in &filled.ciphertexts {
            assert!(decrypts(&portal, &filled.key, sealed).await, "each version opens what it encrypted");
        }
        assert_eq!(derived(&portal, &filled.key).await, filled.derived);
        let verified = portal.overview().verify().await.expect("it reads");
        assert!(
            verified.unopened.is_empty() && verified.journal.damaged.is_empty(),
            "{:?}",
            verified.unopened
        );
        let same =
            ["key_version", "administrator", "api_key", "tenant_secret", "recovery_code", "journal_run"];
        for table in same {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let rows = manifest.counts().find(|(name, _)| *name == table).map_or(0, |(_, rows)| rows);
            let there = number(&portal_db(&place).await, &sql).await;
            // The journal of the restored portal is a run of its own.
            let own = i64::from(table == "journal_run");
            assert_eq!(there - own, rows.cast_signed(), "{table}");
        }
        assert_eq!(look::broken(&portal_db(&place).await).await, [""; 0]);
        // Uses that were counted after the backup are lost.
        let since = "SELECT COUNT(*) FROM instance WHERE secrets_counted_since IS NOT NULL";
        assert_eq!(number(&portal_db(&place).await, since).await, 1);
        portal.close().await;
        place.remove().await;
    }
}

async fn portal_db(place: &Place) -> Db {
    place.connect().await
}

async fn a_restore_revives_nothing_and_gives_no_id_again(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    let plan = t.portal.keys().plan_edit(&filled.ada.session, &filled.de, RotationPeriod::Days60).await;
    t.portal.changes().prepare(&filled.ada.session, &plan.expect("a plan")).await.expect("prepared");
    let spent = t.code(&filled.ada);
    let half = half_way(&t.portal, &filled.ada.email).await;
    let token = t.portal.people().check_sign_in_code(&half, &spent).await.expect("signed in").token;
    let file = backed_up(t.db(), t).await;
    // What happens after the backup is lost: a version, and what it encrypted.
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &filled.ada.email, &filled.ada.seed).await.session, ..filled.ada };
    Box::pin(next_version(t, &t.portal, &ada, &filled.de)).await.expect("a version");
    let lost = encrypted(&t.portal, &filled.key).await;
    let before = look::rows::<(i64,)>(t.db(), "SELECT id FROM key_version").await;
    t.clock.advance(-TimeDelta::days(1));

    let (place, portal, _) = Box::pin(restored(t.kind(), &file, t)).await;
    let _folder = with_journal(&portal).await;
    let db = place.connect().await;
    for table in ["answer", "session", "session_note", "prepared_change", "setup_token"] {
        assert_eq!(number(&db, &format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    let ended = portal.people().session(&token, from("192.0.2.7")).await;
    refused!(ended.map(drop), Error::Changes(ChangesError::SignedOut));
    // The step before, the present one, and the next: none of them is taken.
    for ahead in [-30, 0, 30] {
        let code = ada.seed.code(t.clock.now() + TimeDelta::seconds(ahead));
        let half = half_way(&portal, &ada.email).await;
        assert!(portal.people().check_sign_in_code(&half, &code).await.is_err(), "{ahead} s");
    }
    t.clock.advance(TimeDelta::seconds(90));
    let half = half_way(&portal, &ada.email).await;
    let new = portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("a new code");
    t.next_code();
    let ada = Person { session: new.session, ..ada };
    t.clock.advance(TimeDelta::days(1));
    let half = half_way(&portal, &ada.email).await;
    let session = portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in").session;
    t.next_code();
    let ada = Person { session, ..ada };
    Box::pin(next_version(t, &portal, &ada, &filled.de)).await.expect("a version");
    let after = look::rows::<(i64,)>(&db, "SELECT id FROM key_version").await;
    let old = after.iter().filter(|id| before.contains(id)).count();
    assert_eq!((old, after.len()), (2, 3), "its id was never used");
    assert!(!decrypts(&portal, &filled.key, &lost).await, "what the lost version encrypted is refused");
    assert_eq!(portal.access().unknown_versions(), 1);
    portal.close().await;
    db.close().await;
    place.remove().await;
}

async fn a_backup_holds_one_moment(t: &TestPortal) {
    let ada = t.administrator().await;
    for index in 0..20 {
        t.portal
            .scopes()
            .add_environment(
                &ada.session,
                &format!("E{index}"),
                "",
                domain::scopes::scope::EnvironmentKind::Test,
            )
            .await
            .expect("an environment");
    }
    let (db, portal) = (t.db().clone(), t.portal.clone());
    let session = ada.session.clone();
    let writing = tokio::spawn(async move {
        for index in 20..60 {
            let kind = domain::scopes::scope::EnvironmentKind::Test;
            portal.scopes().add_environment(&session, &format!("E{index}"), "", kind).await.expect("added");
        }
    });
    for _ in 0..5 {
        let file = backed_up(&db, t).await;
        let (place, portal, manifest) = Box::pin(restored(t.kind(), &file, t)).await;
        let restored = place.connect().await;
        // Each environment has its line, and the log ends where the manifest says.
        assert_eq!(look::broken(&restored).await, [""; 0]);
        let last =
            number(&restored, "SELECT MAX(sequence) FROM audit_event WHERE action <> 'backup.restore'").await;
        assert_eq!(last, manifest.audit_sequence);
        portal.close().await;
        restored.close().await;
        place.remove().await;
    }
    writing.await.expect("it wrote");
}

async fn a_backup_is_recorded(t: &TestPortal) {
    assert_eq!(t.portal.overview().upkeep().await.expect("read").backup_at, None);
    let (manifest, ..) =
        backup::write(t.db(), root_key(), "test", t.clock.now(), Vec::new()).await.expect("a backup");
    backup::record(t.db(), &manifest, t.clock.now()).await.expect("recorded");
    assert_eq!(t.portal.overview().upkeep().await.expect("read").backup_at, Some(t.clock.now()));
    let made = log(t).await.into_iter().find(|event| event.action == Action::BackupMake).expect("an event");
    assert_eq!((made.who.as_str(), made.outcome), ("Command line", Outcome::Done));
}

async fn a_damaged_backup_leaves_nothing_behind(t: &TestPortal) {
    Box::pin(fill(t)).await;
    let file = backed_up(t.db(), t).await;
    let mut changed = file.clone();
    let middle = file.len() / 2;
    changed[middle] ^= 1;
    for (what, damaged) in [("cut", &file[..file.len() - 1]), ("changed", &changed[..])] {
        let place = Place::fresh(DatabaseKind::Postgres).await;
        let db = place.connect().await;
        let from = std::io::Cursor::new(damaged.to_vec());
        let read = backup::read_into(&db, vec![root_key()], t.clock.now(), from).await;
        let said = read.map(drop).expect_err(what).to_string();
        assert!(said.contains("damaged"), "{what}: {said}");
        let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()";
        assert_eq!(number(&db, tables).await, 0, "{what}");
        db.close().await;
        place.remove().await;
    }
}

async fn only_an_empty_database_is_filled(t: &TestPortal) {
    let file = std::io::Cursor::new(backed_up(t.db(), t).await);
    let rows = t.rows().await;
    let read = backup::read_into(t.db(), vec![root_key()], t.clock.now(), file).await;
    assert!(read.map(drop).expect_err("it is not empty").to_string().contains("not empty"));
    assert_eq!(t.rows().await, rows);
}

async fn what_was_changed_in_a_backup_is_named(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    execute(t.db(), "UPDATE key_version SET material = (SELECT material FROM key_version WHERE number = 2) WHERE number = 1")
        .await
        .expect("somebody changes a row");
    execute(
        t.db(),
        "UPDATE administrator SET totp_seed = (SELECT material FROM key_version WHERE number = 2)",
    )
    .await
    .expect("somebody changes a row");
    let (place, portal, _) = Box::pin(restored(t.kind(), &backed_up(t.db(), t).await, t)).await;
    let named = portal.overview().verify().await.expect("it reads").unopened;
    let expected =
        [format!("version 1 of {}", filled.de), format!("the authenticator of {}", filled.ada.email)];
    assert_eq!(named, expected);
    portal.close().await;
    place.remove().await;
}

/// Takes the last lines of the audit log out of the database's count, as in a copy from before.
async fn set_back(db: &Db) {
    execute(db, "UPDATE instance SET audit_sequence = audit_sequence - 2, data_epoch = data_epoch - 1")
        .await
        .expect("it obeys");
    let unguarded = match db.is_sqlite() {
        true => "DROP TRIGGER audit_event_is_not_deleted",
        false => "ALTER TABLE audit_event DISABLE TRIGGER USER",
    };
    execute(db, unguarded).await.expect("it obeys");
    execute(db, "DELETE FROM audit_event WHERE sequence > (SELECT audit_sequence FROM instance)")
        .await
        .expect("it obeys");
}

async fn a_server_that_saw_more_makes_no_versions_until_that_is_accepted(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let folder = tempfile::tempdir().expect("a folder");
    t.portal.overview().look_back(folder.path()).await.expect("it looks");
    t.portal.access().refresh().await.expect("it looks");
    t.portal.overview().leave_trace().await.expect("a trace");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);

    let elsewhere = tempfile::tempdir().expect("a folder");
    set_back(t.db()).await;
    let second = t.second_with(DailyLimits { per_type: 9, per_scope: 9 }).await;
    second.overview().look_back(elsewhere.path()).await.expect("it looks");
    assert!(second.overview().upkeep().await.expect("read").older_than.is_none(), "no trace, no proof");
    second.overview().look_back(folder.path()).await.expect("it looks");
    let why = second.overview().upkeep().await.expect("read").older_than.expect("it is older");
    assert!(why.contains("audit log"), "{why}");
    let event =
        log(t).await.into_iter().find(|event| event.action == Action::DatabaseOlder).expect("an event");
    assert_eq!((event.outcome, event.detail), (Outcome::Refused, why));
    refused!(
        second.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days30).await,
        Error::Vault(VaultError::OlderDatabase)
    );
    // Another server, which has no trace, learns it from the database.
    t.portal.access().refresh().await.expect("it looks");
    let planned = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await;
    refused!(planned, Error::Vault(VaultError::OlderDatabase));
    execute(t.db(), "UPDATE key_version SET due_at = created_at").await.expect("it is due");
    assert_eq!(t.portal.keys().rotate_due().await.expect("it looks"), 0);

    second.overview().accept_older(folder.path(), BTreeMap::from([(de.clone(), 7)])).await.expect("accepted");
    assert_eq!(second.overview().lost_since(folder.path()).await.expect("read"), None);
    for portal in [&t.portal, &second] {
        portal.access().refresh().await.expect("it looks");
    }
    assert_eq!(next_version(t, &second, &ada, &de).await.expect("a version"), 8);
    let third = t.second().await;
    third.overview().look_back(folder.path()).await.expect("it looks");
    assert!(third.overview().upkeep().await.expect("read").older_than.is_none(), "it stays accepted");
}

async fn a_running_server_notices_that_the_database_went_back(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.portal.access().refresh().await.expect("it looks");
    set_back(t.db()).await;
    // Only an answer that was asked for after the last one proves anything.
    t.clock.advance(TimeDelta::seconds(1));
    t.portal.access().refresh().await.expect("it looks");
    assert!(t.portal.overview().upkeep().await.expect("read").older_than.is_some());
    let planned = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await;
    refused!(planned, Error::Vault(VaultError::OlderDatabase));
}

async fn other_lines_under_the_same_numbers_are_noticed(t: &TestPortal) {
    let ada = t.administrator().await;
    let folder = tempfile::tempdir().expect("a folder");
    t.portal.overview().look_back(folder.path()).await.expect("it looks");
    t.portal.access().refresh().await.expect("it looks");
    t.portal.overview().leave_trace().await.expect("a trace");
    let second = t.second().await;
    second.overview().look_back(folder.path()).await.expect("it looks");
    assert!(second.overview().upkeep().await.expect("read").older_than.is_none(), "it is the same");
    set_back(t.db()).await;
    t.clock.advance(TimeDelta::seconds(1));
    for name in ["One", "Two", "Three"] {
        let kind = domain::scopes::scope::EnvironmentKind::Test;
        second.scopes().add_environment(&ada.session, name, "", kind).await.expect("an environment");
    }
    let third = t.second().await;
    third.overview().look_back(folder.path()).await.expect("it looks");
    let why = third.overview().upkeep().await.expect("read").older_than.expect("it is older");
    assert!(why.contains("is not the line"), "{why}");
}

async fn the_newest_database_ends_it_when_it_is_back(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.portal.access().refresh().await.expect("it looks");
    let newest = "SELECT audit_sequence FROM instance";
    let newest = number(t.db(), newest).await;
    set_back(t.db()).await;
    t.clock.advance(TimeDelta::seconds(1));
    t.portal.access().refresh().await.expect("it looks");
    assert!(t.portal.overview().upkeep().await.expect("read").older_than.is_some());
    // As if the right database were there again.
    let back = format!(
        "UPDATE instance SET older_than = NULL, audit_sequence = {newest}, data_epoch = data_epoch + 1"
    );
    execute(t.db(), &back).await.expect("it is back");
    t.clock.advance(TimeDelta::seconds(1));
    t.portal.access().refresh().await.expect("it looks");
    assert!(t.portal.overview().upkeep().await.expect("read").older_than.is_none());
    t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
}

async fn until_a_restore_is_complete_no_version_is_made(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    execute(t.db(), "UPDATE key_version SET due_at = created_at WHERE status = 'active'")
        .await
        .expect("it is due");
    let place = Place::fresh(DatabaseKind::Postgres).await;
    let (db, file) = (place.connect().await, backed_up(t.db(), t).await);
    let read = backup::read_into(&db, vec![root_key()], t.clock.now(), std::io::Cursor::new(file)).await;
    let (manifest, _) = read.expect("it is restored");
    let settings = Settings { daily: DailyLimits { per_type: 9, per_scope: 9 }, ..Settings::default() };
    let portal = Portal::open(db, &root_key(), t.clock.clone(), settings).await.expect("it opens");
    assert_eq!(portal.keys().rotate_due().await.expect("it looks"), 0);
    let numbers = BTreeMap::from([(filled.de.clone(), 5), ("production/AT".parse().expect("a scope"), 3)]);
    let raised = portal.overview().restored(&manifest, numbers, None).await.expect("recorded");
    assert_eq!((raised.raised.len(), raised.missing.len()), (1, 1));
    assert_eq!(portal.keys().rotate_due().await.expect("it looks"), 1);
    let newest = portal.keys().list(&filled.de, 1).await.expect("the page").versions[0].number;
    assert_eq!(newest, 6);
    portal.close().await;
    place.remove().await;
}

async fn a_journal_that_the_database_lacks_proves_it_older(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    let file = backed_up(t.db(), t).await;
    let (later, folder) = (t.second().await, tempfile::tempdir().expect("a folder"));
    later.audit().open_journal(&folder.path().join("journal")).await.expect("a journal");
    encrypted(&later, &filled.key).await;
    let (place, portal, _) = Box::pin(restored(t.kind(), &file, t)).await;
    portal.overview().look_back(folder.path()).await.expect("it looks");
    let why = portal.overview().upkeep().await.expect("read").older_than.expect("it is older");
    assert!(why.contains("journal"), "{why}");
    // A journal of another installation proves nothing.
    let other = TestPortal::new(t.kind()).await;
    other.portal.overview().look_back(folder.path()).await.expect("it looks");
    assert!(other.portal.overview().upkeep().await.expect("read").older_than.is_none());
    other.end().await;
    portal.close().await;
    place.remove().await;
}

async fn numbers_lie_above_all_that_are_known(t: &TestPortal) {
    let filled = Box::pin(fill(t)).await;
    let (place, portal, manifest) = Box::pin(restored(t.kind(), &backed_up(t.db(), t).await, t)).await;
    // The journal of before tells of a version that the backup lacks.
    let folder = tempfile::tempdir().expect("a folder");
    t.clock.advance(TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &filled.ada.email, &filled.ada.seed).await.session, ..filled.ada };
    assert_eq!(Box::pin(next_version(t, &t.portal, &ada, &filled.de)).await.expect("a version"), 3);
    let later = t.second().await;
    later.audit().open_journal(&folder.path().join("journal")).await.expect("a journal");
    encrypted(&later, &filled.key).await;
    let known = portal.overview().numbers_in_folder(folder.path()).await.expect("it reads");
    assert_eq!(known.get(&filled.de), Some(&3));
    let raised = portal.overview().restored(&manifest, known, None).await.expect("recorded");
    assert_eq!(raised.raised, [(filled.de.clone(), 3)]);
    let half = half_way(&portal, &ada.email).await;
    t.clock.advance(TimeDelta::seconds(90));
    let session = portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in").session;
    t.next_code();
    let ada = Person { session, ..ada };
    let plan =
        portal.keys().plan_rotate(&ada.session, &filled.de, RotationPeriod::Days30).await.expect("a plan");
    assert_eq!((plan.plan.deprecates, plan.plan.number), (Some(2), 4));
    let new: CreateKey =
        portal.keys().plan_create(&ada.session, &filled.de, RotationPeriod::Days30).await.expect("a plan");
    assert_eq!(new.plan.number, 4);
    portal.close().await;
    place.remove().await;
}
