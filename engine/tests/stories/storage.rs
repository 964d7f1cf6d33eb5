//! The databases: both kinds have the same schema, and only the right root key opens them.

use crate::support::*;
use chrono::TimeDelta;
use domain::base::problem::{Code, Problem};
use domain::keys::rotation::RotationPeriod;
use engine::base::error::StoreError;
use engine::store::Db;
use engine::testing::{DatabaseKind, Place, TestPortal, root_key};
use engine::vault::envelope::RootKey;
use engine::{Clock, Error, Portal, SecretBytes, Settings};

stories! {
    a_wrong_root_key_is_refused_before_anything_is_touched,
    a_restart_finds_everything_again,
    a_damaged_row_is_an_error_and_no_panic,
    a_value_that_the_schema_does_not_list_is_a_fault_and_no_outage,
}

fn another_key() -> RootKey {
    RootKey::new(SecretBytes::new(vec![43; 32])).expect("32 bytes")
}

async fn open(place: &Place, root: &RootKey) -> Result<Portal, Error> {
    let noon = "2026-11-22T12:00:00Z".parse().expect("a time");
    Portal::open(place.connect().await, root, Clock::standing_at(noon), Settings::default()).await
}

async fn a_wrong_root_key_is_refused_before_anything_is_touched(t: &TestPortal) {
    t.administrator().await;
    let settings = Settings::default();
    // As if an older Keystead had made the database: migration 5 is undone and not recorded.
    let triggers: &[&str] = match t.kind() {
        DatabaseKind::Sqlite => &[
            "DROP TRIGGER audit_event_is_not_changed",
            "DROP TRIGGER audit_event_is_not_replaced",
            "DROP TRIGGER audit_event_is_not_deleted",
        ],
        DatabaseKind::Postgres => &["DROP FUNCTION audit_event_stays CASCADE"],
    };
    let rest = [
        "ALTER TABLE administrator DROP COLUMN disabled_at",
        "DELETE FROM _sqlx_migrations WHERE version = 5",
    ];
    for sql in triggers.iter().chain(&rest) {
        execute(t.db(), sql).await.expect("undone");
    }
    let migrations = async || number(t.db(), "SELECT COUNT(*) FROM _sqlx_migrations").await;
    let (events, done) = (log(t).await.len(), migrations().await);
    let refused = Portal::open(t.db().clone(), &another_key(), t.clock.clone(), settings.clone()).await;
    let said = refused.err().expect("it is refused").to_string();
    assert!(said.starts_with("This is not the root key of this database."), "{said}");
    assert_eq!(migrations().await, done);
    assert_eq!(log(t).await.len(), events);
    // Only the migration brings back the column that this server reads with each session.
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM session").await, 1);
    Portal::open(t.db().clone(), &root_key(), t.clock.clone(), settings).await.expect("the right key");
    assert_eq!(migrations().await, done + 1);
}

async fn a_restart_finds_everything_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, domain::keys::rotation::RotationPeriod::Days30).await;
    let before = t.portal.material(&de, 1).await.expect("it opens");
    t.clock.advance(TimeDelta::minutes(1));
    let restarted = t.second().await;
    assert_eq!(restarted.material(&de, 1).await.expect("it opens").expose(), before.expose());
    assert!(restarted.people().session(&ada.token, engine::testing::from("192.0.2.7")).await.is_ok());
    assert!(restarted.ready().await.is_ok());
}

async fn a_damaged_row_is_an_error_and_no_panic(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    scope(t, &ada, "FR").await;
    execute(t.db(), "UPDATE scope SET country = 'XX' WHERE country = 'DE'").await.expect("damaged");
    // It hides no other, and is named.
    let view = t.portal.scopes().environment(&de.environment).await.expect("the page");
    assert_eq!(view.countries.iter().map(|row| row.country.code()).collect::<Vec<_>>(), ["FR"]);
    assert_eq!(
        t.portal.overview().verify().await.expect("it reads").unproved,
        ["country XX of environment production"]
    );
    execute(t.db(), "UPDATE keyring SET purpose = 'other' WHERE purpose = 'audit'").await.expect("damaged");
    let opened =
        Portal::open(t.db().clone(), &root_key(), t.clock.clone(), Settings::default()).await.map(drop);
    refused!(opened, Error::Fault(_));
}

/// Simulates a program with a rotation period that no migration has added to the schema.
async fn a_value_that_the_schema_does_not_list_is_a_fault_and_no_outage(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let unlisted = "DELETE FROM rotation_period WHERE days = 360";
    execute(t.db(), unlisted).await.expect("the schema lists fewer periods");

    let command =
        t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days360).await.expect("a plan");
    let error = t.portal.keys().create(proof(t, &ada, &command).await).await.expect_err("it is not stored");

    assert!(matches!(error, Error::Store(StoreError::Schema(_))) && error.is_fault(), "{error:?}");
    let problem = Problem::from(&error);
    assert_eq!(problem.code, Code::Internal);
    assert!(!problem.message.contains("database"), "{}", problem.message);
    assert_eq!(versions(t, &de).await, []);
    // A period that the schema lists is stored as before.
    create(t, &ada, &de, RotationPeriod::Days180).await;
}

async fn start_at_once(kind: DatabaseKind) {
    let place = Place::fresh(kind).await;
    let tasks = (0..4).map(|_| {
        let place = place.clone();
        async move { open(&place, &root_key()).await }
    });
    let servers: Vec<_> = at_once(tasks).await.into_iter().map(|one| one.expect("it opens")).collect();
    let db = place.connect().await;
    assert_eq!(number(&db, "SELECT COUNT(*) FROM instance").await, 1);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM keyring").await, 9);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM audit_event").await, 1);
    // One server opens what another has sealed.
    let (bob, password) = ("bob@example.com", engine::testing::PASSWORD);
    let (seed, _) =
        servers[0].administrators().create(bob, text(password), None, |_, _| Ok(())).await.expect("made");
    let half = half_way(&servers[3], bob).await;
    assert!(servers[3].people().check_sign_in_code(&half, &seed.code(servers[3].now())).await.is_ok());
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_on_an_empty_postgres_make_one_instance() {
    start_at_once(DatabaseKind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_and_commands_at_once_in_an_empty_data_folder_make_one_instance() {
    start_at_once(DatabaseKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_root_keys_at_once_on_an_empty_postgres_one_wins() {
    let place = Place::fresh(DatabaseKind::Postgres).await;
    let tasks = [root_key(), another_key()].map(|root| {
        let place = place.clone();
        async move { open(&place, &root).await.map(drop) }
    });
    let answers = at_once(tasks).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(
        answers.iter().any(|answer| matches!(answer, Err(Error::Fault(said)) if said.contains("root key")))
    );
    place.remove().await;
}

/// Returns `table.column type` of every column, and the name of every index that a migration creates.
async fn schema(kind: DatabaseKind) -> Vec<String> {
    let t = TestPortal::new(kind).await;
    let lines = match t.db() {
        Db::Sqlite { .. } => {
            texts(
                t.db(),
                "SELECT m.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c.\"notnull\" = 0 AND c.pk = 0 \
                 THEN ' null' ELSE '' END FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '_sqlx%' \
                 UNION ALL SELECT 'index ' || name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
            )
            .await
        }
        Db::Postgres(..) => {
            texts(
                t.db(),
                "SELECT table_name || '.' || column_name || ' ' || CASE data_type WHEN 'bigint' THEN 'integer' \
                 WHEN 'bytea' THEN 'blob' WHEN 'uuid' THEN 'blob' WHEN 'timestamp with time zone' THEN 'text' \
                 ELSE data_type END || CASE WHEN is_nullable = 'YES' THEN ' null' ELSE '' END \
                 FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' \
                 UNION ALL SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = current_schema() \
                 AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key' \
                 AND indexname NOT LIKE '\\_sqlx%'",
            )
            .await
        }
    };
    t.end().await;
    let mut lines = lines;
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let (sqlite, postgres) = (schema(DatabaseKind::Sqlite).await, schema(DatabaseKind::Postgres).await);
    assert_eq!(sqlite, postgres);
    assert!(sqlite.contains(&"key_version.material blob null".to_owned()), "{sqlite:?}");
}
