//! Every page stands in the table `server::PAGES`, from which the router is made; these tests attack
//! every row of the table.

use crate::support::{KEYS_ADD, address, changes, furnished};
use axum::http::{Method, StatusCode};
use engine::testing::PASSWORD;
use server::{PAGES, Who};

fn guarded() -> impl Iterator<Item = (&'static server::Row, &'static Method)> {
    PAGES.iter().flat_map(|row| row.methods.iter().map(move |method| (row, method)))
}

#[tokio::test]
async fn without_a_session_no_guarded_page_answers() {
    let (house, _, _) = furnished().await;
    for (row, method) in guarded() {
        let answer = house.ask(method.clone(), &address(row.path)).send().await;
        let what = format!("{method} {}", row.path);
        match row.who {
            Who::Setup => assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}"),
            Who::SigningIn | Who::SignedIn | Who::Confirmed => {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
                assert!(answer.location().starts_with("/sign-in"), "{what} leads to {}", answer.location());
            }
            Who::Public => assert!(!answer.body.contains("production"), "{what} tells a stranger something"),
        }
    }
}

#[tokio::test]
async fn a_session_that_is_not_signed_in_reaches_no_page_behind_it() {
    let (house, person, _) = furnished().await;
    let first = house.post("", "/sign-in", &[("email", &person.email), ("password", PASSWORD)]).await;
    let half = first.cookie().expect("a session that waits for its code");
    for (row, method) in guarded().filter(|(row, _)| matches!(row.who, Who::SignedIn | Who::Confirmed)) {
        let answer = house.ask(method.clone(), &address(row.path)).cookie(&half).send().await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method} {}", row.path);
        assert!(answer.location().starts_with("/sign-in"), "{method} {}", row.path);
    }
    let enrolment = house.get(&half, "/sign-in/authenticator").await;
    assert_eq!(enrolment.location(), "/sign-in", "only a recovery code leads to a new authenticator");
}

#[tokio::test]
async fn a_forged_cookie_is_no_session() {
    let (house, _, cookie) = furnished().await;
    for forged in [
        "keystead-3000=",
        "keystead-3000=AAAA",
        &format!("{cookie}A"),
        &cookie.replace("keystead-3000=", "__Host-keystead-3000="),
    ] {
        let answer = house.get(forged, "/environments").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{forged}");
    }
}

#[tokio::test]
async fn every_change_must_come_from_our_own_page() {
    let (house, _, cookie) = furnished().await;
    for row in PAGES.iter().filter(|row| row.methods.contains(&Method::POST)) {
        let path = address(row.path);
        for (site, origin) in [
            (None, None),
            (Some("cross-site"), None),
            (Some("same-site"), None),
            (Some("none"), None),
            (Some("cross-site"), Some("http://127.0.0.1:3000")),
            (None, Some("http://evil.example")),
            (None, Some("null")),
        ] {
            let mut ask = house.ask(Method::POST, &path).cookie(&cookie).without("sec-fetch-site");
            if let Some(site) = site {
                ask = ask.header("sec-fetch-site", site);
            }
            if let Some(origin) = origin {
                ask = ask.header("origin", origin);
            }
            let answer = ask.send().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {site:?} {origin:?}");
        }
    }
    assert_eq!(house.get(&cookie, "/environments/production/DE/keys").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let (house, _, cookie) = furnished().await;
    let paths = PAGES.iter().map(|row| address(row.path)).chain(["/healthz".into(), "/nothing".into()]);
    for path in paths {
        for cookie in ["", cookie.as_str()] {
            let answer = house.get(cookie, &path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(answer.header(name), value, "{path}: {name}");
            }
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none';"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
            assert!(!answer.body.contains(" style=\"") && !answer.body.contains(" onclick="), "{path}");
            // A browser hides the nonce from style sheets in the attribute of that name, and nowhere else.
            let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next());
            if let Some(nonce) = nonce {
                let hidden = answer.body.matches(&format!(" nonce=\"{nonce}\"")).count();
                assert_eq!(answer.body.matches(nonce).count(), hidden, "{path}: the nonce stands elsewhere");
                assert_eq!(hidden, 2, "{path}: the script and what it loads");
            } else {
                assert!(!answer.body.contains("<script"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn another_host_reaches_nothing() {
    let (house, _, cookie) = furnished().await;
    for host in ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:3000@evil.example", ""] {
        let answer =
            house.ask(Method::GET, "/environments").cookie(&cookie).header("host", host).send().await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn every_confirmed_page_is_in_the_list_of_changes() {
    let listed: Vec<_> = changes().into_iter().map(|(path, _)| path.to_owned()).collect();
    let table: Vec<_> =
        PAGES.iter().filter(|row| row.who == Who::Confirmed).map(|row| address(row.path)).collect();
    assert_eq!(listed, table);
}

#[tokio::test]
async fn no_change_happens_without_a_fresh_code() {
    for (path, fields) in changes() {
        let (house, person, cookie) = furnished().await;
        let before = house.test.portal.audit().log(None).await.expect("the log").events;
        let used = house.test.code(&person);
        let prepared = house.post(&cookie, path, &fields).await;
        assert!(
            prepared.location().contains("?change="),
            "{path}: {} {}",
            prepared.status,
            prepared.location()
        );
        let change = prepared.location().to_owned();
        let six = used.expose();
        for wrong in ["", "000000", &format!(" {six}"), &format!("{six} "), &format!("{}x", &six[..5])] {
            let answer = house.post(&cookie, &change, &[("code", wrong)]).await;
            let is_refused = answer.status == StatusCode::UNPROCESSABLE_ENTITY
                || answer.status == StatusCode::TOO_MANY_REQUESTS;
            assert!(is_refused, "{path} with {wrong:?}: {}", answer.status);
            assert!(answer.body.contains("What will happen"), "{path}: the page is shown again");
        }
        house.test.clock.advance(chrono::TimeDelta::minutes(1));
        let code = house.test.code(&person);
        let done = house.post(&cookie, &change, &[("code", code.expose())]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{path}: {}", done.body);
        assert!(!done.location().contains("change="), "{path} leads to {}", done.location());
        let cookie = done.cookie().unwrap_or(cookie);
        house.post(&cookie, &change, &[("code", code.expose())]).await;
        let again = house.post(&cookie, path, &fields).await;
        if again.location().contains("?change=") {
            let replayed = house.post(&cookie, again.location(), &[("code", code.expose())]).await;
            assert_eq!(replayed.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: a used code");
        }
        let after = house.test.portal.audit().log(None).await.expect("the log").events;
        let made = after.iter().take(after.len() - before.len());
        let done = made.filter(|event| event.outcome == domain::audit::event::Outcome::Done).count();
        assert_eq!(done, 1, "{path}: exactly one change was made");
    }
}

#[tokio::test]
async fn a_change_of_one_scope_is_not_confirmed_at_another() {
    let (house, person, cookie) = furnished().await;
    house.post(&cookie, "/environments/production", &[("country", "FR")]).await;
    let prepared = house.post(&cookie, KEYS_ADD, &[("key_type", "managed"), ("rotation_days", "30")]).await;
    let elsewhere = prepared.location().replace("/DE/", "/FR/");
    let code = house.test.code(&person);
    let answer = house.post(&cookie, &elsewhere, &[("code", code.expose())]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let keys = house.get(&cookie, "/environments/production/DE/keys").await;
    assert!(!keys.body.contains("keys/2\""), "no version was made");
}

#[tokio::test]
async fn fields_that_a_form_does_not_have_are_refused() {
    let (house, _, cookie) = furnished().await;
    for (path, fields) in [
        ("/environments", vec![("name", "Sneaky"), ("created_at", "2020-01-01T00:00:00Z")]),
        ("/environments", vec![("name", "Sneaky"), ("name", "Twice")]),
        ("/environments/production", vec![("country", "FR"), ("id", "1")]),
        ("/sign-in", vec![("email", "a@b.c"), ("password", "x"), ("stage", "full")]),
        (
            "/environments/production/DE/keys/add",
            vec![("key_type", "managed"), ("rotation_days", "30"), ("number", "9")],
        ),
    ] {
        let answer = house.post(&cookie, path, &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {fields:?}");
    }
}
