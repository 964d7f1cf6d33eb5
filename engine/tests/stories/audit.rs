//! The audit log.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, AuditQuery, Outcome};
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::EnvironmentKind;
use engine::testing::{DatabaseKind, PASSWORD, TestPortal, from};

stories! {
    numbers_have_no_gaps_also_under_fifty_changes_at_once,
    a_change_and_its_event_come_together_or_not_at_all,
    refused_attempts_are_recorded,
    no_secret_is_in_any_event,
    the_log_comes_in_pages_of_fifty,
    the_log_is_searched_by_place_and_person,
    what_is_written_is_neither_changed_nor_taken_away,
}

async fn gapless(t: &TestPortal) -> usize {
    let sequences: Vec<_> = log(t).await.iter().map(|event| event.sequence).collect();
    let count = i64::try_from(sequences.len()).expect("a count");
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
    sequences.len()
}

async fn numbers_have_no_gaps_also_under_fifty_changes_at_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    let before = gapless(t).await;
    // The database refuses every other task in the middle of its transaction.
    let tasks =
        (0..50).map(|number| {
            let portal = if number % 4 < 2 { t.portal.clone() } else { second.clone() };
            let name = if number % 2 == 0 { format!("New {number}") } else { "Same".to_owned() };
            let session = ada.session.clone();
            async move {
                portal.scopes().add_environment(&session, &name, "", EnvironmentKind::Test).await.is_ok()
            }
        });
    assert_eq!(at_once(tasks).await.into_iter().filter(|done| *done).count(), 26);
    assert_eq!(gapless(t).await, before + 26);
}

async fn a_change_and_its_event_come_together_or_not_at_all(t: &TestPortal) {
    let ada = t.administrator().await;
    let before = log(t).await.len();
    // The audit log cannot be written, so no change can be made.
    execute(t.db(), "ALTER TABLE audit_event RENAME TO away").await.expect("renamed");
    assert!(
        t.portal
            .scopes()
            .add_environment(&ada.session, "Production", "", EnvironmentKind::Production)
            .await
            .is_err()
    );
    execute(t.db(), "ALTER TABLE away RENAME TO audit_event").await.expect("renamed");
    assert!(t.portal.scopes().environments().await.expect("a list").is_empty());
    assert!(
        t.portal
            .scopes()
            .add_environment(&ada.session, "Production", "", EnvironmentKind::Production)
            .await
            .is_ok()
    );
    assert_eq!(gapless(t).await, before + 1);
}

async fn the_log_is_searched_by_place_and_person(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    t.portal
        .scopes()
        .add_environment(&ada.session, "Production 2", "", EnvironmentKind::Test)
        .await
        .expect("added");
    let found = async |place: Option<&str>, who: Option<&str>| {
        let query = AuditQuery {
            place: place.map(str::to_owned),
            who: who.map(str::to_owned),
            ..AuditQuery::default()
        };
        let events = t.portal.audit().search_log(&query, None).await.expect("a page").events;
        assert_eq!(t.portal.audit().export_log(&query, 0).await.expect("a piece").len(), events.len());
        events.into_iter().map(|event| event.place).collect::<Vec<_>>()
    };
    assert_eq!(found(Some("production/DE"), None).await, ["production/DE"]);
    assert_eq!(found(Some("Production"), None).await, ["production/DE", "production"], "and what is in it");
    assert_eq!(found(Some("production/de"), Some("ADA@Example.com ")).await, ["production/DE"]);
    for nothing in ["prod", "production/", "%", "DE"] {
        assert_eq!(found(Some(nothing), None).await, [""; 0], "{nothing}");
    }
    assert_eq!(found(Some("production"), Some("bob@example.com")).await, [""; 0]);
}

async fn refused_attempts_are_recorded(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let refused = async |action| logged(t, action, Outcome::Refused).await;
    let _ = password(&t.portal, &ada.email, "not the password").await;
    assert_eq!(refused(Action::SignIn).await, 1);
    let half = half_way(&t.portal, &ada.email).await;
    let _ = t.portal.people().check_sign_in_code(&half, &text("no code")).await;
    assert_eq!(refused(Action::SignIn).await, 2);
    let _ = t.portal.people().check_recovery_code(&half, &text("no code")).await;
    assert_eq!(refused(Action::SignInRecovery).await, 1);
    let _ = t.portal.keys().plan_rotate(&ada.session, &de, RotationPeriod::Days30).await;
    assert_eq!(refused(Action::KeyRotate).await, 1);
    let _ = t.portal.scopes().remove_country(&ada.session, &de).await;
    assert_eq!(refused(Action::CountryRemove).await, 1);
    let _ = t.portal.scopes().remove_environment(&ada.session, &de.environment).await;
    assert_eq!(refused(Action::EnvironmentRemove).await, 1);
    let new = || text("quiet marble lantern fox");
    let _ = t.portal.people().plan_password(&ada.session, text("not the password"), new(), &new()).await;
    assert_eq!(refused(Action::PasswordChange).await, 1);
    gapless(t).await;
}

async fn no_secret_is_in_any_event(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let used = t.code(&ada);
    let half = half_way(&t.portal, &ada.email).await;
    let full = t.portal.people().check_sign_in_code(&half, &used).await.expect("signed in");
    let _ = t.portal.people().check_sign_in_code(&half_way(&t.portal, &ada.email).await, &used).await;
    let _ = password(&t.portal, &ada.email, "tried secret").await;
    let _ = password(&t.portal, "tried secret", "tried secret").await;
    let half = half_way(&t.portal, &ada.email).await;
    let _ = t.portal.people().check_recovery_code(&half, &text("tried secret")).await;
    let _ = t.portal.people().check_recovery_code(&half, &text(&ada.recovery_codes[0])).await;
    t.next_code();
    let _ = t.portal.people().enter_setup(&text("tried secret"), from("192.0.2.1")).await;
    let new = || text("quiet marble lantern fox");
    let change =
        t.portal.people().plan_password(&ada.session, text(PASSWORD), new(), &new()).await.expect("a plan");
    let proof = proof(t, &ada, &change).await;
    t.portal.people().change_password(proof, &ada.session).await.expect("changed");
    t.portal.administrators().reset_password(&ada.email, text(PASSWORD)).await.expect("reset");
    let seed = t.portal.administrators().reset_authenticator(&ada.email, |_| Ok(())).await.expect("reset");

    let events = format!("{:?}", log(t).await);
    let mut secrets = vec![PASSWORD.to_owned(), "quiet marble lantern fox".into(), "tried secret".into()];
    secrets.extend([used.expose().to_owned(), ada.token.expose().to_owned(), full.token.expose().to_owned()]);
    secrets.extend([&ada.seed, &seed].map(|seed| seed.text()));
    secrets.extend([&ada.seed, &seed].map(|seed| seed.text().replace(' ', "")));
    secrets.extend(ada.recovery_codes.clone());
    for secret in secrets {
        assert!(!events.contains(&secret), "{secret} is in the audit log");
    }
}

async fn the_log_comes_in_pages_of_fifty(t: &TestPortal) {
    let ada = t.administrator().await;
    for number in 0..60 {
        t.clock.advance(TimeDelta::seconds(1));
        let added = t
            .portal
            .scopes()
            .add_environment(&ada.session, &format!("New {number}"), "", EnvironmentKind::Test)
            .await;
        added.expect("an environment");
    }
    let page = t.portal.audit().log(None).await.expect("a page");
    assert_eq!((page.events.len(), page.is_older_page), (50, false));
    assert!(page.events.is_sorted_by(|one, two| one.sequence > two.sequence));
    let older = t.portal.audit().log(page.older).await.expect("a page");
    assert_eq!((older.events.len(), older.older, older.is_older_page), (gapless(t).await - 50, None, true));
}

async fn what_is_written_is_neither_changed_nor_taken_away(t: &TestPortal) {
    t.administrator().await;
    let before = log(t).await;
    for sql in [
        "UPDATE audit_event SET who = 'somebody else'",
        "UPDATE audit_event SET sequence = sequence + 1000 WHERE sequence = 1",
        "DELETE FROM audit_event WHERE sequence = 1",
        "DELETE FROM audit_event",
    ] {
        let refused = execute(t.db(), sql).await.expect_err("the database refuses").to_string();
        assert!(refused.contains("the audit log is only appended to"), "{sql}: {refused}");
    }
    let own = match t.kind() {
        DatabaseKind::Sqlite => {
            "INSERT OR REPLACE INTO audit_event (sequence, at, actor_kind, who, action, place, outcome, detail, address) \
             VALUES (1, '', 'host', 'somebody else', '', '', 'done', '', '')"
        }
        DatabaseKind::Postgres => "TRUNCATE audit_event",
    };
    let refused = execute(t.db(), own).await.expect_err("the database refuses").to_string();
    assert!(refused.contains("the audit log is only appended to"), "{own}: {refused}");
    assert_eq!(log(t).await, before);
    gapless(t).await;
}
