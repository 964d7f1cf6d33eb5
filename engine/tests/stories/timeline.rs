//! The timeline of a version, made from its row, its use and its lines of the audit log.

use crate::aws::Customer;
use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, AuditQuery};
use domain::keys::rotation::RotationPeriod;
use domain::keys::timeline::{Happened, Timeline};
use domain::keys::view::UsageView;
use domain::scopes::scope::ScopeName;
use engine::Portal;
use engine::testing::{DatabaseKind, Person, TestPortal};

stories! {
    a_timeline_tells_who_made_a_version_and_what_replaced_it,
    a_timeline_tells_checks_health_and_credentials,
    the_audit_log_is_searched_by_version,
    a_database_of_the_release_before_keeps_its_uses_and_gets_its_timelines,
}

async fn timeline(portal: &Portal, de: &ScopeName, number: u32) -> Timeline {
    let (version, _) = portal.keys().version(de, number).await.expect("a version");
    portal.keys().timeline(de, version, UsageView::default()).await.expect("a timeline")
}

/// Signs a person in again, because a session does not last for days.
async fn again(t: &TestPortal, who: Person) -> Person {
    Person { session: sign_in(t, &who.email, &who.seed).await.session, ..who }
}

fn happened(timeline: &Timeline) -> Vec<Happened> {
    timeline.moments.iter().map(|moment| moment.happened).collect()
}

async fn a_timeline_tells_who_made_a_version_and_what_replaced_it(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::hours(1));
    let keys = t.portal.keys();
    let edit = keys.plan_edit(&ada.session, &de, RotationPeriod::Days60).await.expect("a plan");
    keys.edit(proof(t, &ada, &edit).await).await.expect("edited");
    t.clock.advance(TimeDelta::days(60));
    assert_eq!(keys.rotate_due().await.expect("rotated"), 1);
    // Another scope's versions have the same numbers.
    let ada = again(t, ada).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;

    let first = timeline(&t.portal, &de, 1).await;
    assert_eq!(happened(&first), [Happened::Deprecated, Happened::PeriodChanged, Happened::Created]);
    let told: Vec<_> = first.moments.iter().map(|one| (one.who.as_str(), one.detail.as_str())).collect();
    assert_eq!(told[0], ("Keystead", "Version 2 replaced it (Automatic rotation)."));
    assert!(told[1].1.starts_with("30 → 60 days, due "), "{told:?}");
    assert_eq!(told[2], (ada.email.as_str(), "Add encryption key"));
    let second = timeline(&t.portal, &de, 2).await;
    assert_eq!(happened(&second), [Happened::Created]);
    assert_eq!(second.moments[0].detail, "Automatic rotation");
}

async fn a_timeline_tells_checks_health_and_credentials(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    let check = async || {
        house.wait(60);
        portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked")
    };
    check().await;
    house.kms.fails(400, "DisabledException");
    check().await;
    let told = timeline(portal, &house.de, 1).await;
    let mut expected = happened(&told);
    expected.sort_by_key(|one| one.label());
    assert_eq!(
        expected,
        [Happened::CheckFailed, Happened::CheckPassed, Happened::Created, Happened::Unhealthy],
        "{told:?}"
    );
    let health = told.moments.iter().find(|one| one.happened == Happened::Unhealthy).expect("one");
    assert_eq!(
        (health.detail.as_str(), health.who.as_str()),
        ("healthy → refused (DisabledException)", "Keystead")
    );
    house.end().await;
}

async fn the_audit_log_is_searched_by_version(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(TimeDelta::days(1));
    let ada = again(t, ada).await;
    rotate(t, &ada, &de).await;
    let found = async |place: &str, version| {
        let query = AuditQuery { place: Some(place.to_owned()), version, ..AuditQuery::default() };
        let found = t.portal.audit().search_log(&query, None).await.expect("a search").events;
        found.into_iter().map(|event| event.action).collect::<Vec<_>>()
    };
    assert_eq!(found("production/DE", Some(1)).await, [Action::KeyCreate]);
    assert_eq!(found("Production/de", Some(2)).await, [Action::KeyRotate]);
    assert_eq!(found("production/DE", Some(3)).await, []);
    assert_eq!(found("production/FR", Some(1)).await, []);
}

async fn a_database_of_the_release_before_keeps_its_uses_and_gets_its_timelines(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let older = match t.kind() {
        DatabaseKind::Sqlite => {
            "CREATE TABLE version_usage (version_id INTEGER NOT NULL REFERENCES key_version (id), day TEXT NOT NULL, \
             issued INTEGER NOT NULL, seen INTEGER NOT NULL, last_at TEXT NOT NULL, PRIMARY KEY (version_id, day)) STRICT"
        }
        DatabaseKind::Postgres => {
            "CREATE TABLE version_usage (version_id BIGINT NOT NULL REFERENCES key_version (id), day TIMESTAMPTZ NOT NULL, \
             issued BIGINT NOT NULL, seen BIGINT NOT NULL, last_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (version_id, day))"
        }
    };
    for sql in [
        "DROP INDEX audit_event_version",
        "ALTER TABLE audit_event DROP COLUMN version",
        "DROP TABLE version_usage",
        older,
        "INSERT INTO version_usage SELECT id, created_at, 5, 2, created_at FROM key_version",
        "DELETE FROM _sqlx_migrations WHERE version = 26",
    ] {
        execute(t.db(), sql).await.expect("the schema of the release before");
    }
    let after = t.second().await;
    let (sums, late) = after.services().usage(&de, 1).await.expect("known");
    assert_eq!((sums.issued, sums.seen, sums.first_used_at), (5, 2, None));
    let users: Vec<_> = late.users.iter().map(|one| (one.user.name(), one.issued, one.seen)).collect();
    assert_eq!(users, [("API key not recorded", 5, 2)]);
    let told = timeline(&after, &de, 1).await;
    assert_eq!(told.moments.last().map(|one| one.detail.as_str()), Some("Add encryption key"));
    assert!(execute(t.db(), "UPDATE audit_event SET detail = 'x'").await.is_err(), "it is only appended to");
}
