//! A database that the release before made opens with every version, credential, session rule and line intact. The program of
//! commit 026d2ed made the two databases in `engine/tests/fixtures`, through its pages, its APIs and its command line.

use crate::support::*;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64;
use domain::audit::event::{Action, AuditQuery};
use domain::audit::journal::{JournalQuery, Recorded};
use domain::custody::vendor::Vendor;
use domain::data::operation::{AuditNote, Door};
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::data::view::{PreviousUses, Since};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Status;
use domain::scopes::scope::ScopeName;
use engine::audit::journal::SegmentState;
use engine::base::error::{ChangesError, PeopleError, ServicesError};
use engine::changes::totp::Seed;
use engine::data::derive::ToDerive;
use engine::data::{Call, ToOpen};
use engine::overview::backup;
use engine::store::Db;
use engine::store::authority::Kind;
use engine::testing::kms::{Decrypts, FakeKms};
use engine::testing::{DatabaseKind, Place, from};
use engine::vault::root_key;
use engine::{Adoption, Clock, Error, Portal, SecretText};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use uuid::Uuid;

/// The database, and the facts that its maker wrote down beside it.
struct Before {
    portal: Portal,
    db: Db,
    kms: FakeKms,
    facts: Value,
    clock: Clock,
    place: Place,
    _folder: tempfile::TempDir,
}

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unpacked(name: &str) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&fixture(name)[..]).read_to_end(&mut plain).expect("it unpacks");
    plain
}

impl Before {
    /// Opens the database after these statements.
    async fn open(kind: DatabaseKind, first: &[&str]) -> Result<Self, (Error, Db)> {
        Self::opened(kind, first, None).await
    }

    /// Opens what is restored, into a database of the second kind, from a backup of a database of the first kind.
    async fn restored(kind: DatabaseKind, into: DatabaseKind) -> Self {
        let Ok(before) = Self::opened(kind, &[], Some(into)).await else { panic!("it does not open") };
        before
    }

    async fn opened(
        kind: DatabaseKind,
        first: &[&str],
        restore_into: Option<DatabaseKind>,
    ) -> Result<Self, (Error, Db)> {
        let folder = tempfile::tempdir().expect("a folder");
        let name = if kind == DatabaseKind::Sqlite { "sqlite" } else { "postgres" };
        let mut place = match kind {
            DatabaseKind::Sqlite => Place::of_sqlite(&unpacked("before-sqlite.db.gz")).await,
            DatabaseKind::Postgres => {
                let dump = String::from_utf8(unpacked("before-postgres.sql.gz")).expect("text");
                Place::of_postgres(&dump).await
            }
        };
        let facts: Value = serde_json::from_slice(&fixture(&format!("before-{name}.json"))).expect("facts");
        let file = folder.path().join("root.key");
        fs::write(&file, facts["root_key"].as_str().expect("a root key")).expect("it is written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is hidden");
        let root = root_key::read(&file).expect("it is read").expect("a root key");
        let made = DateTime::<Utc>::from_timestamp(facts["made_at"].as_i64().expect("a time"), 0);
        let clock = Clock::standing_at(made.expect("a time") + TimeDelta::seconds(60));
        let kms = FakeKms::start().await;
        kms.decrypts(Decrypts::Plaintext(decoded(&facts["data_key"])));
        let mut db = place.connect().await;
        if let Some(into) = restore_into {
            // This program makes a backup of it, without touching its schema.
            let keys = || root_key::read(&file).expect("it is read").expect("a root key");
            let file = backup::write(&db, keys(), "test", clock.now(), Vec::new()).await.expect("a backup").1;
            db.close().await;
            place.remove().await;
            place = Place::fresh(into).await;
            db = place.connect().await;
            let from = std::io::Cursor::new(file);
            backup::read_into(&db, vec![keys()], clock.now(), from).await.expect("it is restored");
        }
        for sql in first {
            execute(&db, sql).await.expect("it is done");
        }
        // A start never makes genuine what it finds, and touches nothing.
        let start = Portal::open(db.clone(), &root, clock.clone(), kms.settings()).await;
        let said = start.map(drop).expect_err("its rows carry no codes").to_string();
        assert!(said.contains("keystead migrate"), "{said}");
        let opened =
            Portal::adopt(db.clone(), &root, clock.clone(), kms.settings(), Adoption::OfBackup).await;
        let (portal, adopted) = opened.map_err(|error| (error, db.clone()))?;
        let counts: Vec<_> = adopted.iter().map(|(kind, rows)| (*kind, *rows)).collect();
        assert_eq!(
            counts,
            [
                (Kind::Administrator, 2),
                (Kind::RecoveryCode, 20),
                (Kind::ApiKey, 2),
                (Kind::Environment, 2),
                (Kind::Scope, 3),
                (Kind::Version, 3),
                (Kind::TenantSecret, 1)
            ]
        );
        let mut lines = portal.audit().search_log(&AuditQuery::default(), None).await.expect("lines").events;
        let term = lines.remove(0);
        assert_eq!(
            (term.action, term.detail.as_str()),
            (Action::RootKeyInit, "keyring: term for fingerprint created")
        );
        let line = lines.remove(0);
        assert_eq!(line.action, Action::DatabaseAdopt);
        assert!(
            line.detail.starts_with("2 administrators, 20 recovery codes, 2 API keys"),
            "{}",
            line.detail
        );
        assert_eq!(portal.overview().verify().await.expect("it reads").unproved, [""; 0]);
        portal.audit().open_journal(&folder.path().join("journal")).await.expect("a journal");
        Ok(Self { portal, db, kms, facts, clock, place, _folder: folder })
    }

    fn secret(&self, name: &str) -> SecretText {
        text(self.facts[name].as_str().expect("a fact"))
    }

    async fn call(&self, scope: &str, door: Door) -> Call {
        let caller =
            self.portal.access().caller(&self.secret("api_key"), "192.0.2.9").await.expect("it works");
        Call { caller, door, scope: scope.to_owned(), told: AuditNote::default() }
    }

    async fn decrypted(&self, scope: &str, ciphertext: &Value) -> (Vec<u8>, u32) {
        let context = serde_json::from_value(self.facts["context"].clone()).expect("a context");
        let item = ToOpen { sealed: decoded(ciphertext), context };
        let call = self.call(scope, Door::Native).await;
        let opened = self.portal.data().decrypt(&call, &[Ok(item)]).await.expect("allowed").remove(0);
        let opened = opened.expect("it decrypts");
        (opened.bytes.expose().to_vec(), opened.version)
    }

    fn seed(&self) -> Seed {
        Seed::from_base32(&self.secret("seed")).expect("a seed")
    }

    async fn end(self) {
        self.portal.close().await;
        self.place.remove().await;
    }
}

fn decoded(value: &Value) -> Vec<u8> {
    BASE64.decode(value.as_str().expect("a text").as_bytes()).expect("base64")
}

fn name(text: &str) -> ScopeName {
    text.parse().expect("a scope")
}

async fn the_release_before_opens(kind: DatabaseKind) {
    let Ok(before) = Before::open(kind, &[]).await else { panic!("it does not open") };
    Box::pin(versions_and_their_material(&before)).await;
    Box::pin(services(&before)).await;
    Box::pin(people_and_sessions(&before)).await;
    Box::pin(log_and_journal(&before)).await;
    before.end().await;
}

async fn versions_and_their_material(before: &Before) {
    let keys = before.portal.keys();
    let de = keys.list(&name("production/DE"), 1).await.expect("the page");
    let shown: Vec<_> = de.versions.iter().map(|row| (row.number, row.status, row.period)).collect();
    let days = |days: i64| Some(days.try_into().expect("a period"));
    assert_eq!(shown, [(2, Status::Active, days(180)), (1, Status::Deprecated, days(30))]);
    assert_eq!(de.alias, Some("acme-berlin".parse().expect("an alias")));
    let fr = keys.list(&name("production/FR"), 1).await.expect("the page");
    let shown: Vec<_> = fr.versions.iter().map(|row| (row.number, row.status, row.key_type)).collect();
    assert_eq!(shown, [(1, Status::Active, KeyType::CustomerHeld(Vendor::Aws))]);
    assert_eq!(fr.limits.customer_supplied_used, 1);
    let at = keys.list(&name("staging/AT"), 1).await.expect("the page");
    assert!(at.versions.is_empty());

    let plaintext = decoded(&before.facts["plaintext"]);
    for (index, version) in [1, 2].into_iter().enumerate() {
        let opened = before.decrypted("production/DE", &before.facts["ciphertexts"][index]).await;
        assert_eq!(opened, (plaintext.clone(), version));
    }
    // The credentials open as well: KMS is asked with the ones that replaced the first.
    assert_eq!(before.decrypted("production/FR", &before.facts["held"]).await, (plaintext, 1));
    let asked = before.kms.calls().pop().expect("a call");
    assert!(asked.authorization.contains(before.facts["access_key_id"].as_str().expect("an id")));
}

async fn services(before: &Before) {
    let revoked = before.portal.access().caller(&before.secret("revoked"), "192.0.2.9").await;
    refused!(revoked.map(drop), Error::Services(ServicesError::UnknownApiKey));
    let context = serde_json::from_value(before.facts["context"].clone()).expect("a context");
    let item = ToOpen { sealed: decoded(&before.facts["edek"]), context };
    let call = before.call("acme-berlin", Door::Native).await;
    let dek = before.portal.data().unwrap(&call, &[Ok(item)]).await.expect("allowed").remove(0);
    assert_eq!(dek.expect("it opens").bytes.expose(), decoded(&before.facts["dek"]));
    let paths = [("users".to_owned(), ["name".to_owned()].into())].into();
    let asked = ToDerive { secret_type: SecretType::Deterministic, paths };
    let call = before.call("acme-berlin", Door::Tsp).await;
    let derived = before.portal.data().derive(&call, &asked).await.expect("derived");
    assert_eq!(derived["users"]["name"][0].key.expose(), decoded(&before.facts["derived"]));
    // That release did not count uses of previous secrets, so no page takes the number for all of them.
    let (secrets, de) = (before.portal.secrets(), name("production/DE"));
    secrets.rotate_on_host(&de, RotationStep::Begin, 0).await.expect("begun");
    let uses = secrets.of(&de).await.expect("known").uses;
    assert!(matches!(uses, PreviousUses { count: 0, since: Some(Since::Counting(_)), .. }), "{uses:?}");
}

async fn people_and_sessions(before: &Before) {
    let people = before.portal.people();
    let token = |name: &str| {
        let cookie = before.facts[name].as_str().expect("a cookie");
        text(cookie.split_once('=').expect("a name and a token").1)
    };
    // Nobody can tell whether a session from before is genuine, so people sign in again.
    for cookie in ["cookie", "half"] {
        let over = people.session(&token(cookie), from("192.0.2.1")).await;
        refused!(over.map(drop), Error::Changes(ChangesError::SignedOut));
    }
    assert_eq!(number(&before.db, "SELECT COUNT(*) FROM prepared_change").await, 0);

    let password = || before.secret("password");
    let new = people.check_password("ada@example.com", password(), from("192.0.2.1"), None).await;
    let half = new.expect("the password is right").session;
    let code = before.seed().code(before.clock.now());
    let signed_in = people.check_sign_in_code(&half, &code).await.expect("the code is right");
    let new = people.check_password("ada@example.com", password(), from("192.0.2.1"), None).await;
    let half = new.expect("the password is right").session;
    people.check_recovery_code(&half, &before.secret("recovery_code")).await.expect("it is one of ten");
    let disabled = text(&format!("{} bob", before.facts["password"].as_str().expect("a password")));
    let disabled = people.check_password("bob@example.com", disabled, from("192.0.2.1"), None).await;
    refused!(disabled.map(drop), Error::People(PeopleError::WrongPassword));
    // The session rules hold: nobody used this one for fifteen minutes.
    before.clock.advance(TimeDelta::minutes(16));
    let idle = people.session(&signed_in.token, from("192.0.2.1")).await;
    refused!(idle.map(drop), Error::Changes(ChangesError::SignedOut));
}

async fn log_and_journal(before: &Before) {
    let rows = number(&before.db, "SELECT COUNT(*) FROM audit_event").await;
    assert_eq!(number(&before.db, "SELECT MAX(sequence) FROM audit_event").await, rows, "without gaps");
    assert!(
        execute(&before.db, "UPDATE audit_event SET who = 'eve'").await.is_err(),
        "it is only appended to"
    );
    let audit = before.portal.audit();
    // That release had another name for somebody who is not signed in. The log shows and finds such lines under the new one.
    execute(
        &before.db,
        "INSERT INTO audit_event (sequence, at, actor_kind, who, action, place, outcome, detail, address) \
         SELECT 1000000, at, 'stranger', 'Nobody signed in', 'session.sign_in', '', 'refused', '', '192.0.2.1' \
         FROM audit_event WHERE sequence = 1",
    )
    .await
    .expect("a line is appended");
    let query = AuditQuery { who: Some("not signed in".to_owned()), ..AuditQuery::default() };
    let strangers = audit.search_log(&query, None).await.expect("lines").events;
    assert!(strangers.iter().any(|event| event.sequence == 1_000_000), "{strangers:?}");
    assert!(strangers.iter().all(|event| event.who == "Not signed in"), "{strangers:?}");
    let segments: Vec<(Uuid, i64)> =
        engine::testing::look::rows(&before.db, "SELECT server, first_sequence FROM journal_segment").await;
    assert!(!segments.is_empty());
    for (server, first) in segments {
        let state = audit.verify_segment(server, first.unsigned_abs()).await.expect("a segment");
        assert!(matches!(state, SegmentState::Whole { .. }), "{state:?}");
    }
    assert_eq!(audit.journal_gaps().await.expect("looked"), []);
    // Two encryptions and a wrap in Germany, an encryption in France, a derivation, besides those of this story.
    let events = audit.search_journal(&JournalQuery::default()).await.expect("events").events;
    let old = events.iter().filter(|event| event.event.address == "127.0.0.1").count();
    assert_eq!(old, 5, "{events:?}");
    // Lines of before name no scope by its id, and those of now do.
    let has_id = |event: &&Recorded| event.event.scope_id.is_some();
    assert!(events.iter().filter(has_id).all(|event| event.event.address != "127.0.0.1"), "{events:?}");
    assert!(events.iter().any(|event| has_id(&event)), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    the_release_before_opens(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    the_release_before_opens(DatabaseKind::Postgres).await;
}

/// A backup of it brings back everything but what was under way.
async fn a_backup_of_it_is_restored(kind: DatabaseKind) {
    for into in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let before = Before::restored(kind, into).await;
        Box::pin(versions_and_their_material(&before)).await;
        Box::pin(services(&before)).await;
        let verified = before.portal.overview().verify().await.expect("it reads");
        assert!(
            verified.unopened.is_empty() && verified.journal.damaged.is_empty(),
            "{:?}",
            verified.unopened
        );
        assert!(verified.journal.segments > 0);
        for table in ["session", "session_note", "prepared_change", "setup_token"] {
            assert_eq!(number(&before.db, &format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
        }
        let spent = number(&before.db, "SELECT MIN(totp_floor) FROM administrator").await;
        assert_eq!(spent, before.clock.now().timestamp() / 30 + 1);
        before.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_it_is_restored_from_sqlite() {
    a_backup_of_it_is_restored(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_it_is_restored_from_postgres() {
    a_backup_of_it_is_restored(DatabaseKind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_id_is_given_again_on_sqlite() {
    let used = ["key_version", "tenant_secret"]
        .map(|table| format!("UPDATE sqlite_sequence SET seq = 1000 WHERE name = '{table}'"));
    let Ok(before) = Before::open(DatabaseKind::Sqlite, &used.each_ref().map(String::as_str)).await else {
        panic!("it does not open")
    };
    let kept = number(&before.db, "SELECT COUNT(*) FROM sqlite_sequence WHERE seq = 1000").await;
    assert_eq!(kept, 2, "the next ids are larger than all that were given");
    before.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_finds_a_broken_reference_leaves_the_schema_as_it_was() {
    let first = [
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO alias_history (scope_id, alias) VALUES (x'00', 'nobody')",
        "PRAGMA foreign_keys = ON",
    ];
    let Err((error, db)) = Before::open(DatabaseKind::Sqlite, &first).await else { panic!("it opens") };
    assert!(error.to_string().contains("a row refers to a row that does not exist"), "{error}");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM aws_key").await, 1, "the tables of before are there");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE '%anew'").await, 0);
    db.close().await;
}
