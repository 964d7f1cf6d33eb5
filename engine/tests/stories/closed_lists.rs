//! Closed lists: each is a reference table, and the database stores every value that the program knows, and no other.

use crate::aws::Customer;
use crate::support::*;
use domain::audit::event::Outcome;
use domain::custody::health::HealthState;
use domain::custody::vendor::Vendor;
use domain::data::operation::{AuditNote, Door, Operation};
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Status;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::EnvironmentKind;
use engine::Stage;
use engine::data::Call;
use engine::data::derive::ToDerive;
use engine::testing::look::{execute, rows, texts};
use engine::testing::{TestPortal, from};
use std::collections::BTreeSet;

stories! {
    the_tables_list_what_the_program_knows,
    every_kind_of_environment_is_stored,
    every_period_is_stored,
    every_type_and_status_of_a_key_is_stored,
    every_state_of_health_is_stored,
    every_stage_of_a_session_is_stored,
    every_actor_and_outcome_is_stored,
    every_tenant_secret_is_stored,
}

async fn set(t: &TestPortal, sql: &str) -> BTreeSet<String> {
    texts(t.db(), sql).await.into_iter().collect()
}

async fn the_tables_list_what_the_program_knows(t: &TestPortal) {
    let lists: [(&str, Vec<&str>); 8] = [
        ("session_stage", Stage::ALL.map(Stage::word).into()),
        ("audit_outcome", Outcome::ALL.map(Outcome::word).into()),
        ("environment_kind", EnvironmentKind::ALL.map(EnvironmentKind::word).into()),
        ("key_type", KeyType::ALL.map(KeyType::word).into()),
        ("key_status", Status::ALL.map(Status::word).into()),
        ("secret_type", SecretType::ALL.map(SecretType::word).into()),
        ("vendor", Vendor::ALL.map(Vendor::word).into()),
        ("health_state", HealthState::ALL.map(HealthState::word).into()),
    ];
    for (table, words) in lists {
        let known = words.into_iter().map(str::to_owned).collect();
        assert_eq!(set(t, &format!("SELECT word FROM {table}")).await, known, "{table}");
    }
    let days: Vec<(i64,)> = rows(t.db(), "SELECT days FROM rotation_period ORDER BY days").await;
    assert_eq!(days, RotationPeriod::ALL.map(|period| (period.days(),)));
}

async fn every_kind_of_environment_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    for kind in EnvironmentKind::ALL {
        t.portal.scopes().add_environment(&ada.session, kind.label(), "", kind).await.expect("it is added");
    }
    let stored = t.portal.scopes().environments().await.expect("the page");
    assert_eq!(stored.iter().map(|row| row.kind).collect::<Vec<_>>(), EnvironmentKind::ALL);
    let refused = execute(t.db(), "UPDATE environment SET kind = 'sandbox'").await;
    assert!(refused.is_err(), "a value that is in no list is not stored");
}

async fn every_period_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    for (country, period) in ["DE", "FR", "AT", "CH"].into_iter().zip(RotationPeriod::ALL) {
        let scope = scope(t, &ada, country).await;
        create(t, &ada, &scope, period).await;
        let listed = t.portal.keys().list(&scope, 1).await.expect("the page");
        assert_eq!(listed.versions[0].period, Some(period));
    }
}

async fn every_type_and_status_of_a_key_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    for (number, key_type) in (11..).zip(KeyType::ALL) {
        let word = key_type.word();
        let sql = format!(
            "INSERT INTO key_version (id, scope_id, number, key_type, status, rotation_days, due_at, customer_supplied_no, \
             material, created_at, created_by) SELECT id + {number}, scope_id, {number}, '{word}', 'deprecated', \
             CASE WHEN '{word}' = 'managed' THEN rotation_days END, CASE WHEN '{word}' = 'managed' THEN due_at END, \
             CASE WHEN '{word}' <> 'managed' THEN {number} END, \
             CASE WHEN '{word}' IN ('managed', 'imported') THEN material END, created_at, created_by \
             FROM key_version WHERE number = 1"
        );
        execute(t.db(), &sql).await.expect("it is stored");
    }
    let listed = t.portal.keys().list(&de, 1).await.expect("the page");
    let statuses: BTreeSet<_> = listed.versions.iter().map(|version| version.status.word()).collect();
    assert_eq!(statuses, Status::ALL.map(Status::word).into());
    let stored: Vec<_> = listed.versions.iter().rev().skip(1).map(|version| version.key_type).collect();
    assert_eq!(stored, KeyType::ALL);
    // Each counts as one of its type, and those that a customer supplies count towards the 100.
    let supplied = KeyType::ALL.into_iter().filter(|key_type| key_type.is_customer_supplied()).count();
    assert_eq!(listed.limits.customer_supplied_used as usize, supplied);
    for key_type in KeyType::ALL {
        let made = 1 + u32::from(key_type == KeyType::Managed);
        assert_eq!(listed.limits.usage(key_type).of_type_today, made, "{key_type:?}");
    }
    assert_eq!(listed.limits.today as usize, KeyType::ALL.len() + 1);
    // The database holds the rule which of them have what.
    for broken in [
        "UPDATE key_version SET material = NULL WHERE key_type = 'imported'",
        "UPDATE key_version SET customer_supplied_no = NULL WHERE key_type = 'imported'",
        "UPDATE key_version SET rotation_days = 30 WHERE key_type = 'manual_aws'",
        "UPDATE key_version SET due_at = NULL WHERE key_type = 'managed'",
        "UPDATE key_version SET key_type = 'other' WHERE key_type = 'imported'",
    ] {
        assert!(execute(t.db(), broken).await.is_err(), "{broken}");
    }
}

async fn every_state_of_health_is_stored(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    for state in HealthState::ALL {
        let code = if state == HealthState::Healthy { "NULL" } else { "'Timeout'" };
        let sql = format!("UPDATE holder SET health = '{}', health_code = {code}", state.word());
        execute(house.t.db(), &sql).await.expect("it is stored");
        assert_eq!(house.health().await.0, state);
    }
    house.end().await;
}

async fn every_stage_of_a_session_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    for stage in Stage::ALL.into_iter().rev() {
        let nobody = if stage == Stage::Setup { ", user_id = NULL" } else { "" };
        let sql = format!("UPDATE session SET stage = '{}'{nobody}", stage.word());
        execute(t.db(), &sql).await.expect("it is stored");
        t.sign_everything().await;
        let session = t.portal.people().session(&ada.token, from("192.0.2.1")).await.expect("it lives");
        assert_eq!(session.stage, stage);
    }
}

async fn every_actor_and_outcome_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    assert!(password(&t.portal, "mallory@example.com", "wrong").await.is_err(), "a stranger");
    t.portal.administrators().disable(&ada.email).await.expect("by the host");
    t.clock.advance(chrono::TimeDelta::days(31));
    assert_eq!(t.portal.keys().rotate_due().await.expect("by the scheduler"), 1);
    let listed = set(t, "SELECT word FROM actor_kind").await;
    assert_eq!(set(t, "SELECT DISTINCT actor_kind FROM audit_event").await, listed);
    let outcomes: BTreeSet<_> = log(t).await.iter().map(|event| event.outcome.word()).collect();
    assert_eq!(outcomes, Outcome::ALL.map(Outcome::word).into());
}

async fn every_tenant_secret_is_stored(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.open_journal(&t.portal).await;
    let key = t.api_key([9; 6], "Orders", "production/*", Operation::ALL).await;
    for secret_type in SecretType::ALL {
        let caller = t.portal.access().caller(&key, "192.0.2.9").await.expect("it comes in");
        let call =
            Call { caller, door: Door::Tsp, scope: "production/DE".to_owned(), told: AuditNote::default() };
        let paths = [("users".to_owned(), ["email".to_owned()].into())].into();
        t.portal.data().derive(&call, &ToDerive { secret_type, paths }).await.expect("it is derived");
    }
    let types = set(t, "SELECT word FROM secret_type").await;
    assert_eq!(set(t, "SELECT DISTINCT secret_type FROM tenant_secret").await, types);
    let mut seen = BTreeSet::new();
    for step in [RotationStep::Begin, RotationStep::Finish] {
        t.portal.secrets().rotate_on_host(&de, step, 0).await.expect("a step");
        seen.extend(set(t, "SELECT DISTINCT status FROM tenant_secret").await);
    }
    assert_eq!(seen, set(t, "SELECT word FROM secret_status").await);
}
