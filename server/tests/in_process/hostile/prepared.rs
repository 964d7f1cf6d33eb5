//! A prepared change is confirmed by the session that prepared it, once, in time.

use crate::support::{
    ALIAS, API_KEY_FORM, API_KEYS_ADD, AWS_FORM, CREDENTIALS, House, KEYS_ADD, OTHER_CREDENTIALS, REVOKE,
    TENANT_SECRETS, furnished,
};
use axum::http::StatusCode;
use chrono::TimeDelta;
use engine::changes::totp::Seed;
use engine::testing::{PASSWORD, Person};

const OTHER: &str = "nine gentle otters juggle";

/// The first step of every change that needs a code.
pub const CHANGES: [(&str, &[(&str, &str)]); 13] = [
    (KEYS_ADD, &[("key_type", "managed"), ("rotation_days", "30")]),
    ("/environments/production/DE/keys/rotate", &[("rotation_days", "60")]),
    ("/environments/production/DE/keys/settings", &[("rotation_days", "180")]),
    ("/profile/password", &[("current_password", PASSWORD), ("password", OTHER), ("password_again", OTHER)]),
    ("/profile/authenticator", &[("current_password", PASSWORD)]),
    ("/profile/recovery-codes", &[("current_password", PASSWORD)]),
    ("/profile/sessions", &[]),
    (KEYS_ADD, &AWS_FORM),
    (CREDENTIALS, &OTHER_CREDENTIALS),
    (API_KEYS_ADD, &API_KEY_FORM),
    (REVOKE, &[]),
    (ALIAS, &[("alias", "acme-berlin")]),
    (TENANT_SECRETS, &[("step", "begin")]),
];

async fn prepare(house: &House, cookie: &str, (path, fields): (&str, &[(&str, &str)])) -> String {
    let answer = house.post(cookie, path, fields).await;
    assert!(answer.location().contains("?change="), "{path}: {}", answer.status);
    answer.location().to_owned()
}

/// Checks that the confirmation changes nothing, whatever page it leads to, and does not spend the code.
async fn must_be_gone(house: &House, cookie: &str, change: &str, seed: &Seed) {
    let before = house.test.rows().await;
    let shown = house.get(cookie, change).await;
    assert!(!shown.body.contains("What will happen"), "{change} is shown");
    let code = seed.code(house.test.clock.now());
    let answer = house.post(cookie, change, &[("code", code.expose())]).await;
    let is_refused = answer.status == StatusCode::CONFLICT
        || (answer.status == StatusCode::SEE_OTHER && !answer.location().contains("change="));
    assert!(is_refused, "{change}: {} {}", answer.status, answer.location());
    assert_eq!(house.test.rows().await, before, "{change} did something");
}

#[tokio::test]
async fn another_persons_prepared_change_is_gone() {
    let (house, person, cookie) = furnished().await;
    let seed = house.newcomer("eve@example.com").await;
    let eve = house.sign_in_as("eve@example.com", &seed).await;
    for change in CHANGES {
        let prepared = prepare(&house, &cookie, change).await;
        must_be_gone(&house, &eve, &prepared, &seed).await;
        let own = house.get(&cookie, &prepared).await;
        assert!(own.body.contains("What will happen"), "{prepared} still waits for {}", person.email);
    }
}

#[tokio::test]
async fn another_sessions_prepared_change_is_gone() {
    let (house, person, cookie) = furnished().await;
    let second = house.sign_in(&person).await;
    for change in CHANGES {
        let prepared = prepare(&house, &cookie, change).await;
        must_be_gone(&house, &second, &prepared, &person.seed).await;
    }
}

#[tokio::test]
async fn a_prepared_change_is_gone_after_five_minutes() {
    let (house, person, cookie) = furnished().await;
    for change in CHANGES {
        let prepared = prepare(&house, &cookie, change).await;
        house.test.clock.advance(TimeDelta::minutes(5));
        must_be_gone(&house, &cookie, &prepared, &person.seed).await;
    }
}

#[tokio::test]
async fn a_change_is_confirmed_once() {
    for change in CHANGES {
        let (house, person, cookie) = furnished().await;
        let prepared = prepare(&house, &cookie, change).await;
        let code = house.test.code(&person);
        let done = house.post(&cookie, &prepared, &[("code", code.expose())]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", change.0);
        let cookie = done.cookie().unwrap_or(cookie);
        house.test.next_code();
        // Showing the status message of the first change removes it, which the comparison of rows must not see.
        house.get(&cookie, "/environments").await;
        must_be_gone(&house, &cookie, &prepared, &person.seed).await;
    }
}

#[tokio::test]
async fn a_change_confirmed_twice_at_once_happens_once() {
    let (house, person, cookie) = furnished().await;
    let prepared = prepare(&house, &cookie, CHANGES[0]).await;
    let code = house.test.code(&person);
    let fields = [("code", code.expose())];
    let twice =
        tokio::join!(house.post(&cookie, &prepared, &fields), house.post(&cookie, &prepared, &fields));
    // A double click: both are told what became of the first.
    for answer in [twice.0, twice.1] {
        assert_eq!(answer.location(), "/environments/production/DE/keys?new=2");
    }
    let versions = house.test.rows().await.into_iter().find(|(table, _)| table == "key_version");
    assert_eq!(versions, Some(("key_version".to_owned(), 3)));
}

async fn change_password(house: &House, person: &Person, cookie: &str) -> String {
    let prepared = prepare(house, cookie, CHANGES[3]).await;
    let code = house.test.code(person);
    let done = house.post(cookie, &prepared, &[("code", code.expose())]).await;
    house.test.next_code();
    done.cookie().expect("the password is changed")
}

#[tokio::test]
async fn what_was_prepared_before_a_change_of_password_is_gone() {
    let (house, person, cookie) = furnished().await;
    let prepared = prepare(&house, &cookie, CHANGES[0]).await;
    let after = change_password(&house, &person, &cookie).await;
    must_be_gone(&house, &after, &prepared, &person.seed).await;
    let old = house.get(&cookie, &prepared).await;
    assert_eq!(old.status, StatusCode::SEE_OTHER, "the old session is over");
}

#[tokio::test]
async fn a_change_of_one_kind_is_not_confirmed_as_another() {
    let (house, person, cookie) = furnished().await;
    for (from, to) in [(0, 1), (1, 0), (2, 1), (3, 4), (4, 5), (5, 3), (4, 0), (8, 0), (7, 8), (1, 8)] {
        let prepared = prepare(&house, &cookie, CHANGES[from]).await;
        let id = prepared.split("?change=").nth(1).expect("an id");
        let elsewhere = format!("{}?change={id}", CHANGES[to].0);
        must_be_gone(&house, &cookie, &elsewhere, &person.seed).await;
    }
}
