//! Every page, requested by a stranger, with half a sign-in, and signed in.

use super::outline::{Answers, outline};
use crate::support::common::compare;
use crate::support::{House, address, changes, furnished};
use axum::http::Method;
use server::PAGES;

fn paths(method: &Method) -> impl Iterator<Item = String> {
    PAGES.iter().filter(move |row| row.methods.contains(method)).map(|row| address(row.path))
}

#[tokio::test]
async fn every_page_that_is_read_is_as_before() {
    let (house, person, cookie) = furnished().await;
    let half = house.half_signed_in(&person.email).await;
    let mut answers = Answers::default();
    let others = [
        "/environments/production/AT/keys",
        "/environments/production/AT/keys/1",
        "/healthz",
        "/nothing-here",
    ];
    for path in paths(&Method::GET).chain(others.map(str::to_owned)) {
        for (who, cookie) in [("a stranger", ""), ("half signed in", &half), ("signed in", &cookie)] {
            let answer = house.get(cookie, &path).await;
            // Half signed in, only status and headers are compared; the body is compared for a stranger.
            let seen = if who == "half signed in" { String::new() } else { outline(&answer.body) };
            answers.note(&format!("GET {path}, {who}"), &answer, &seen);
        }
    }
    compare("pages_read", &answers.finish());
}

#[tokio::test]
async fn the_pages_of_an_installation_that_is_not_set_up_are_as_before() {
    let house = House::new().await;
    let mut answers = Answers::default();
    for path in paths(&Method::GET) {
        let answer = house.get("", &path).await;
        answers.note(&format!("GET {path}"), &answer, &outline(&answer.body));
    }
    compare("pages_before_setup", &answers.finish());
}

#[tokio::test]
async fn every_form_that_is_sent_empty_is_answered_as_before() {
    let mut answers = Answers::default();
    for path in paths(&Method::POST) {
        let (house, _, cookie) = furnished().await;
        for (who, cookie) in [("a stranger", ""), ("signed in", &cookie)] {
            let answer = house.post(cookie, &path, &[]).await;
            answers.note(&format!("POST {path}, {who}"), &answer, &outline(&answer.body));
        }
    }
    compare("pages_sent_empty", &answers.finish());
}

#[tokio::test]
async fn every_change_goes_its_two_steps_as_before() {
    let mut answers = Answers::default();
    for (path, fields) in changes() {
        let (house, person, cookie) = furnished().await;
        let prepared = house.post(&cookie, path, &fields).await;
        answers.note(&format!("POST {path}"), &prepared, &outline(&prepared.body));
        let change = prepared.location().to_owned();
        let review = house.get(&cookie, &change).await;
        answers.note("  the second step", &review, &outline(&review.body));
        let refused = house.post(&cookie, &change, &[("code", "000000")]).await;
        answers.note("  with a wrong code", &refused, &outline(&refused.body));
        let code = house.test.code(&person);
        let done = house.post(&cookie, &change, &[("code", code.expose())]).await;
        answers.note("  with the right code", &done, &outline(&done.body));
        let cookie = done.cookie().unwrap_or(cookie);
        let seen = house.get(&cookie, done.location()).await;
        answers.note("  where it leads", &seen, &outline(&seen.body));
        let gone = house.get(&cookie, &change).await;
        answers.note("  the second step once more", &gone, &outline(&gone.body));
    }
    compare("pages_changed", &answers.finish());
}

#[tokio::test]
async fn forms_that_need_no_code_are_answered_as_before() {
    let mut answers = Answers::default();
    let (house, _, cookie) = furnished().await;
    for (path, fields) in [
        ("/theme", vec![("theme", "dark")]),
        ("/environments", vec![("name", "Staging"), ("kind", "test")]),
        ("/environments", vec![("name", "Staging"), ("kind", "test")]),
        ("/environments/staging", vec![("country", "FR")]),
        ("/environments/staging", vec![("country", "FR")]),
        ("/environments/staging", vec![("country", "QQ")]),
        ("/environments/staging/rename", vec![("name", "Staging 2")]),
        ("/environments/staging/kind", vec![("kind", "test")]),
        ("/environments/staging/kind", vec![("kind", "production")]),
        ("/environments/staging/FR/remove", vec![]),
        ("/environments/staging/remove", vec![]),
        ("/environments/production/remove", vec![]),
        ("/environments/production/AT/keys/1/check", vec![]),
        ("/audit/export", vec![("format", "csv")]),
        ("/environments/nowhere", vec![("country", "FR")]),
        ("/environments/production/DE/keys/rotate", vec![("rotation_days", "31")]),
        ("/environments/production/DE/keys/settings", vec![("rotation_days", "30")]),
        ("/environments/production/AT/keys/rotate", vec![("rotation_days", "30")]),
        ("/sign-out", vec![]),
    ] {
        let answer = house.post(&cookie, path, &fields).await;
        answers.note(&format!("POST {path} {fields:?}"), &answer, &outline(&answer.body));
    }
    compare("pages_sent", &answers.finish());
}
