//! What a person meets around their session: a form that is sent twice, a link from elsewhere, a session that ends while they type.

use crate::pages::{pair, set_cookie};
use crate::support::common::on_both;
use crate::support::{
    Answer, CREDENTIALS, House, KEYS_ADD, OTHER_CREDENTIALS, changes, furnished, furnished_on,
};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use domain::base::address;
use engine::testing::look::{count, execute};
use engine::testing::{DatabaseKind, PASSWORD};
use std::time::Duration;

on_both! {
    a_form_with_a_code_that_is_sent_twice_gets_one_answer,
    a_browser_that_hangs_up_finds_what_it_asked_for,
    an_answer_is_nobody_elses,
}

const SESSION: &str = "keystead-3000";
const ROTATE: &str = "/environments/production/DE/keys/rotate";

fn set(answer: &Answer, name: &str) -> Option<String> {
    set_cookie(answer, name).map(|cookie| pair(&cookie))
}

async fn versions(house: &House) -> i64 {
    count(house.test.db(), "SELECT COUNT(*) FROM key_version").await
}

/// The second request goes to another server, with the session that the first has ended.
async fn a_form_with_a_code_that_is_sent_twice_gets_one_answer(kind: DatabaseKind) {
    let (house, person, _) = furnished_on(kind).await;
    let other = house.second(&[]).await;
    house.test.next_code();
    let half = house.half_signed_in(&person.email).await;
    let code = house.test.code(&person);
    let form = [("code", code.expose()), ("next", "/audit")];
    let first = house.post(&half, "/sign-in/code", &form).await;
    assert_eq!((first.status, first.location()), (StatusCode::SEE_OTHER, "/audit"));
    house.test.clock.advance(TimeDelta::seconds(9));
    let second = other.post(&half, "/sign-in/code", &form).await;
    let cookie = first.cookie().expect("a session");
    assert_eq!((second.cookie().as_ref(), second.location()), (Some(&cookie), "/audit"));
    assert_eq!(other.get(&cookie, "/audit").await.status, StatusCode::OK);
    // Another body is another request, and its code is spent.
    let changed = other.post(&half, "/sign-in/code", &[("code", code.expose()), ("next", "/")]).await;
    assert_eq!((changed.cookie(), changed.location()), (None, "/sign-in"));
    house.test.clock.advance(TimeDelta::seconds(1));
    let late = other.post(&half, "/sign-in/code", &form).await;
    assert_eq!((late.cookie(), late.location()), (None, "/sign-in?next=%2Faudit"), "after ten seconds");

    house.test.next_code();
    let before = versions(&house).await;
    let prepared = house.post(&cookie, ROTATE, &[("rotation_days", "60")]).await.location().to_owned();
    let code = house.test.code(&person);
    let form = [("code", code.expose())];
    for house in [&house, &other] {
        let answer = house.post(&cookie, &prepared, &form).await;
        assert_eq!(answer.location(), "/environments/production/DE/keys?new=2", "{}", answer.body);
    }
    assert_eq!(versions(&house).await, before + 1);
    let page = house.get(&cookie, "/environments/production/DE/keys?new=2").await.body;
    assert!(page.contains("Version 2 is active."), "the page says what was done");
    assert!(!page.contains("Start again"), "and nothing else");
    house.test.clock.advance(TimeDelta::seconds(10));
    let late = house.post(&cookie, &prepared, &form).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.location());
    assert_eq!(versions(&house).await, before + 1);

    house.test.next_code();
    let (path, fields) = changes().into_iter().find(|(path, _)| *path == "/profile/password").expect("there");
    let prepared = house.post(&cookie, path, &fields).await.location().to_owned();
    let code = house.test.code(&person);
    let form = [("code", code.expose())];
    let first = house.post(&cookie, &prepared, &form).await;
    let second = other.post(&cookie, &prepared, &form).await;
    assert!(first.cookie().is_some() && first.cookie() == second.cookie(), "the new session is handed out");
    house.end().await;
    other.end().await;
}

async fn a_browser_that_hangs_up_finds_what_it_asked_for(kind: DatabaseKind) {
    let (house, person, _) = furnished_on(kind).await;
    for wait in [0, 1, 2, 4, 8, 16, 32] {
        house.test.next_code();
        let half = house.half_signed_in(&person.email).await;
        let code = house.test.code(&person);
        let form = [("code", code.expose())];
        let first = house.post(&half, "/sign-in/code", &form);
        let _hung_up = tokio::time::timeout(Duration::from_millis(wait), first).await;
        let second = house.post(&half, "/sign-in/code", &form).await;
        let cookie = second.cookie().unwrap_or_else(|| panic!("{wait} ms: {}", second.body));
        assert_eq!(house.get(&cookie, "/audit").await.status, StatusCode::OK);
    }
    house.end().await;
}

async fn an_answer_is_nobody_elses(kind: DatabaseKind) {
    let (house, person, _) = furnished_on(kind).await;
    let rows = async || count(house.test.db(), "SELECT COUNT(*) FROM answer").await;
    house.test.next_code();
    house.test.clock.advance(TimeDelta::seconds(10));
    let half = house.half_signed_in(&person.email).await;
    let code = house.test.code(&person);
    let form = [("code", code.expose())];
    let kept = rows().await;
    // A stranger's token makes no row.
    for number in 0..3 {
        house.post(&format!("{SESSION}={number}"), "/sign-in/code", &form).await;
        house.post("", "/sign-in/code", &form).await;
    }
    assert_eq!(rows().await, kept);
    // Nor does a refused code keep its answer: each of them counts.
    for _ in 0..2 {
        let wrong = house.post(&half, "/sign-in/code", &[("code", "000000")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!((rows().await, house.test.failures(&person.email).await), (0, 2), "older ones are swept");
    let first = house.post(&half, "/sign-in/code", &form).await;
    assert!(first.cookie().is_some());
    assert_eq!(rows().await, 1);
    let stranger = house.half_signed_in(&person.email).await;
    let refused = house.post(&stranger, "/sign-in/code", &form).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "another session: the code is spent");
    // What the database holds is sealed, and an answer that was moved or made younger does not open.
    let later = "UPDATE answer SET created_at = (SELECT MAX(seen_at) FROM session), request = request";
    house.test.clock.advance(TimeDelta::seconds(5));
    house.half_signed_in(&person.email).await;
    execute(house.test.db(), later).await.expect("written");
    house.test.clock.advance(TimeDelta::seconds(6));
    let forged = house.post(&half, "/sign-in/code", &form).await;
    assert!(forged.cookie().is_none(), "{}", forged.status);
    house.end().await;
}

#[tokio::test]
async fn every_sign_in_with_a_code_can_be_sent_twice() {
    let (house, person, _) = furnished().await;
    house.test.next_code();
    let half = house.half_signed_in(&person.email).await;
    let form = [("recovery_code", person.recovery_codes[0].as_str())];
    let [first, second] = [
        house.post(&half, "/sign-in/recovery", &form).await,
        house.post(&half, "/sign-in/recovery", &form).await,
    ];
    assert_eq!(second.location(), "/sign-in/authenticator");
    assert!(first.cookie().is_some() && first.cookie() == second.cookie());
}

/// A link in a mail leads a person who is signed in to its page. It renews nothing and takes no message.
#[tokio::test]
async fn a_link_from_elsewhere_shows_the_page_and_only_looks() {
    let (house, _, cookie) = furnished().await;
    let added = house.post(&cookie, "/environments", &[("name", "Sandbox"), ("kind", "test")]).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER);
    for site in ["cross-site", "same-site"] {
        let asked = house.ask(Method::GET, added.location()).cookie(&cookie);
        let page = asked.header("sec-fetch-site", site).header("sec-fetch-mode", "navigate").send().await;
        assert_eq!(page.status, StatusCode::OK, "{site}");
        assert!(!page.body.contains("class=\"flash\""), "{site}: the message is for the tab that caused it");
    }
    let own = house.get(&cookie, added.location()).await;
    assert!(own.body.contains("class=\"flash\""), "the message has waited");
    house.test.clock.advance(TimeDelta::minutes(14));
    let asked = house.ask(Method::GET, "/audit").cookie(&cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(asked.send().await.status, StatusCode::OK);
    house.test.clock.advance(TimeDelta::minutes(2));
    assert_eq!(house.get(&cookie, "/audit").await.status, StatusCode::SEE_OTHER, "it was not renewed");
}

#[tokio::test]
async fn signing_in_again_never_ends_the_session_that_is_there() {
    let (house, person, cookie) = furnished().await;
    house.newcomer("eve@example.com").await;
    fn form(email: &str) -> [(&str, &str); 3] {
        [("email", email), ("password", PASSWORD), ("next", "/audit")]
    }
    let name = person.email.to_uppercase();
    let same = house.post(&cookie, "/sign-in", &form(&name)).await;
    assert_eq!((same.location(), same.cookie()), ("/audit", None));
    let other = house.post(&cookie, "/sign-in", &form("eve@example.com")).await;
    assert_eq!((other.status, other.cookie()), (StatusCode::CONFLICT, None));
    assert!(other.body.contains(&format!("You are signed in as {}", person.email)), "{}", other.body);
    assert!(other.body.contains("value=\"eve@example.com\""), "what was typed stays");
    assert_eq!(house.get(&cookie, "/audit").await.status, StatusCode::OK);
}

/// A browser sends the cookies of a host to each of its ports.
#[tokio::test]
async fn two_instances_on_one_host_have_cookies_of_their_own() {
    let mut names = Vec::new();
    for url in [
        "http://localhost:3101",
        "http://localhost:3102",
        "https://keys.example.com",
        "https://keys.example.com:8443",
    ] {
        let house = House::with(&[("KEYSTEAD_PUBLIC_URL", url)]).await;
        let person = house.test.administrator().await;
        let host = url.split("//").nth(1).expect("a host");
        let fields = [("email", person.email.as_str()), ("password", PASSWORD)];
        let asked = house.ask(Method::POST, "/sign-in").header("host", host).fields(&fields);
        let half = asked.send().await;
        let set = half.header("set-cookie").to_owned();
        names.push(set.split('=').next().expect("a name").to_owned());
    }
    assert_eq!(names, ["keystead-3101", "keystead-3102", "__Host-keystead-443", "__Host-keystead-8443"]);
}

#[tokio::test]
async fn what_lasts_is_told_without_prolonging_it() {
    let (house, _, cookie) = furnished().await;
    house.get(&cookie, "/audit").await;
    assert_eq!(house.get(&cookie, address::SESSION).await.body, "900");
    house.test.clock.advance(TimeDelta::minutes(10));
    assert_eq!(house.get(&cookie, address::SESSION).await.body, "300");
    assert_eq!(house.get(&cookie, address::SESSION).await.body, "300");
    let page = house.get(&cookie, "/audit").await.body;
    assert!(page.contains("data-left=\"900\""), "a page prolongs it");
    house.test.clock.advance(TimeDelta::minutes(10));
    assert_eq!(house.post(&cookie, address::SESSION, &[]).await.body, "900");
    for _ in 0..49 {
        house.test.clock.advance(TimeDelta::minutes(14));
        assert_eq!(house.post(&cookie, address::SESSION, &[]).await.status, StatusCode::OK);
    }
    let told = house.get(&cookie, address::SESSION).await.body;
    let left: i64 = told.strip_suffix(" final").expect("twelve hours are the end").parse().expect("seconds");
    assert!(left < 900, "{left}");
    let page = house.get(&cookie, "/audit").await.body;
    assert!(page.contains(&format!("data-left=\"{left}\" data-final=\"\" hidden")), "{page}");
}

const DRAFT: &str = "keystead-3000-draft";
const DEVICE: &str = "keystead-3000-device";

/// Signs in over HTTP; returns the cookies of the session and the device.
async fn sign_in(house: &House, person: &engine::testing::Person, with: &str) -> (String, String) {
    let form = [("email", person.email.as_str()), ("password", PASSWORD)];
    let half = house.post(with, "/sign-in", &form).await.cookie().expect("the password was right");
    let code = house.test.code(person);
    let full = house.post(&format!("{half}; {with}"), "/sign-in/code", &[("code", code.expose())]).await;
    house.test.next_code();
    (full.cookie().expect("the code was right"), set(&full, DEVICE).expect("a device"))
}

#[tokio::test]
async fn what_was_typed_is_there_again_after_signing_in() {
    let (house, person, _) = furnished().await;
    house.test.next_code();
    let (cookie, device) = sign_in(&house, &person, "").await;
    house.test.clock.advance(TimeDelta::seconds(1000));
    let both = format!("{cookie}; {device}");
    let fields = [("name", "Über <Nacht>"), ("kind", "test")];
    let sent = house.post(&both, "/environments", &fields).await;
    assert_eq!(sent.location(), "/sign-in?next=%2Fenvironments&notice=kept");
    let draft = set(&sent, DRAFT).expect("a draft");
    assert!(!draft.contains("Nacht"), "it is sealed");
    let page = house.get(&format!("{device}; {draft}"), sent.location()).await;
    assert!(page.body.contains("Keystead then restores the form"), "{}", page.body);
    let (cookie, device) = sign_in(&house, &person, &format!("{device}; {draft}")).await;
    let all = format!("{cookie}; {device}; {draft}");
    let led = house.ask(Method::GET, "/environments").cookie(&all).header("sec-fetch-site", "cross-site");
    let led = led.send().await;
    assert!(!led.body.contains("Nacht") && set(&led, DRAFT).is_none(), "a link from elsewhere takes nothing");
    let elsewhere = house.get(&all, "/environments/production").await;
    assert!(!elsewhere.body.contains("Nacht") && set(&elsewhere, DRAFT).is_none(), "not in another form");
    let form = house.get(&all, "/environments").await;
    assert!(form.body.contains("value=\"Über &lt;Nacht&gt;\""), "{}", form.body);
    assert!(form.body.contains("Keystead restored what you typed before your session ended."));
    assert_eq!(set(&form, DRAFT).as_deref(), Some("keystead-3000-draft="), "it is shown once");
    // Nothing was done meanwhile.
    assert_eq!(count(house.test.db(), "SELECT COUNT(*) FROM environment").await, 1);

    // Another person who signs in with the same browser does not see it.
    let seed = house.newcomer("eve@example.com").await;
    let eve = house.sign_in_as("eve@example.com", &seed).await;
    let form = house.get(&format!("{eve}; {draft}"), "/environments").await;
    assert!(!form.body.contains("Nacht"));
    house.test.clock.advance(TimeDelta::minutes(30));
    let (cookie, _) = sign_in(&house, &person, &device).await;
    let form = house.get(&format!("{cookie}; {draft}"), "/environments").await;
    assert!(!form.body.contains("Nacht"), "after half an hour it is gone");
}

#[tokio::test]
async fn no_secret_is_kept_of_a_form() {
    let (house, person, _) = furnished().await;
    house.test.next_code();
    let (_, device) = sign_in(&house, &person, "").await;
    let fields = [&OTHER_CREDENTIALS[..], &[("paste", "PASTED-SECRET"), ("accepts_more", "1")]].concat();
    let sent = house.post(&device, CREDENTIALS, &fields).await;
    let next = format!("/sign-in?next={}&notice=kept", CREDENTIALS.replace('/', "%2F"));
    assert_eq!(sent.location(), next);
    let draft = set(&sent, DRAFT).expect("a draft");
    let (cookie, _) = sign_in(&house, &person, &device).await;
    let page = house.get(&format!("{cookie}; {draft}"), CREDENTIALS).await.body;
    assert!(page.contains(OTHER_CREDENTIALS[0].1), "the access key id is there");
    assert!(!page.contains(OTHER_CREDENTIALS[1].1) && !page.contains("PASTED-SECRET"));
    // A form that is too long for a cookie, one of nothing but secrets, and a browser that nobody knows: nothing is kept.
    let long = "x".repeat(3_000);
    for (cookie, path, fields) in [
        (device.as_str(), KEYS_ADD, &[("encrypted_key", long.as_str())][..]),
        (device.as_str(), "/profile/password", &[("current_password", PASSWORD)]),
        ("", "/environments", &[("name", "Sandbox")]),
    ] {
        let sent = house.post(cookie, path, fields).await;
        assert!(sent.location().starts_with("/sign-in") && !sent.location().contains("notice"), "{path}");
        assert!(set(&sent, DRAFT).is_none(), "{path}");
    }
}

/// Every address that takes POST leads back to a page that can be opened.
#[tokio::test]
async fn after_signing_in_every_form_leads_back_to_its_page() {
    let (house, _, cookie) = furnished().await;
    let check = house.post(&cookie, "/environments", &[("name", "Check"), ("kind", "test")]).await;
    assert_eq!(check.location(), "/environments/check");
    let asked = house.post("", "/environments/check", &[("country", "FR")]).await;
    assert_eq!(asked.location(), "/sign-in?next=%2Fenvironments%2Fcheck", "its address is no button");
    let is_of_a_person =
        |row: &&server::Row| matches!(row.who, server::Who::SignedIn | server::Who::Confirmed);
    let mut ways = Vec::new();
    for row in server::PAGES.iter().filter(is_of_a_person).filter(|row| row.methods.contains(&Method::POST)) {
        let path = crate::support::address(row.path);
        let sent = house.post("", &path, &[]).await;
        let next = match sent.location().strip_prefix("/sign-in") {
            Some("") => "/".to_owned(),
            Some(next) => next.strip_prefix("?next=").expect("a page").replace("%2F", "/"),
            None => panic!("{path} leads to {}", sent.location()),
        };
        let page = house.get(&cookie, &next).await;
        assert!(page.status == StatusCode::OK || page.status == StatusCode::SEE_OTHER, "{path}: {next}");
        if next != path {
            ways.push((path, next));
        }
    }
    let ways: Vec<_> = ways.iter().map(|(path, next)| (path.as_str(), next.as_str())).collect();
    let version = "/environments/production/AT/keys/1";
    assert_eq!(
        ways,
        [
            ("/environments/production/AT/keys/1/check", version),
            ("/audit/export", "/audit"),
            ("/session", "/"),
            ("/profile/recovery-codes/file", "/profile/recovery-codes/show"),
        ]
    );
}
