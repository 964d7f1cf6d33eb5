//! Origin × Sec-Fetch-Site × method × content type × cookie, for every row of the table of pages.

use crate::support::{
    ALIAS, API_KEY_FORM, API_KEYS_ADD, Answer, Ask, CREDENTIALS, House, KEYS_ADD, OTHER_CREDENTIALS, address,
    furnished,
};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use engine::testing::scale;
use engine::testing::{PASSWORD, Person};
use server::PAGES;

const OURS: &str = "http://127.0.0.1:3000";

const ORIGINS: [&[&str]; 9] = [
    &[],
    &[OURS],
    &["http://127.0.0.1:3001"],
    &["https://127.0.0.1:3000"],
    &["http://evil.example"],
    &["null"],
    &["http://127.0.0.1:3000.evil.example"],
    &["HTTP://127.0.0.1:3000"],
    &[OURS, "http://evil.example"],
];
const SITES: [&[&str]; 7] = [
    &[],
    &["same-origin"],
    &["same-site"],
    &["cross-site"],
    &["none"],
    &["Same-Origin, rubbish"],
    &["same-origin", "cross-site"],
];
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "BREW"];
const FORM: &str = "application/x-www-form-urlencoded";
const TYPES: [&[&str]; 7] = [
    &[FORM],
    &["application/json"],
    &["text/plain"],
    &["multipart/form-data; boundary=x"],
    &[],
    &["application/x-www-form-urlencoded; charset=utf-8"],
    &["text/plain", FORM],
];

/// Returns whether a request must be refused. An unsafe one must be same-origin by `Sec-Fetch-Site`,
/// or without that header by the exact `Origin`. It is refused with neither, or with either one twice.
fn must_be_refused(method: &str, site: &[&str], origin: &[&str]) -> bool {
    if ["GET", "HEAD", "OPTIONS"].contains(&method) {
        return false;
    }
    match (site, origin) {
        ([_, _, ..], _) | (_, [_, _, ..]) => true,
        ([site], _) => *site != "same-origin",
        ([], [origin]) => *origin != OURS,
        ([], []) => true,
    }
}

/// Returns the fields with which a form would take effect, or try a code, if the request were let through.
fn good_form(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/theme" => &[("theme", "dark")],
        "/sign-in" => &[("email", "ada@example.com"), ("password", PASSWORD)],
        "/sign-in/code" | "/sign-in/authenticator" | "/setup/authenticator" => &[("code", "000000")],
        "/sign-in/recovery" => &[("recovery_code", "AAAA")],
        "/environments" => &[("name", "Sneaked in"), ("kind", "test")],
        "/environments/production" => &[("country", "FR")],
        "/environments/production/rename" => &[("name", "Renamed")],
        "/environments/production/kind" => &[("kind", "test")],
        "/environments/production/limits" => &[("per_type", "2"), ("per_scope", "5")],
        ALIAS => &[("alias", "acme-berlin")],
        KEYS_ADD => &[("key_type", "managed"), ("rotation_days", "60")],
        "/environments/production/DE/keys/rotate" | "/environments/production/DE/keys/settings" => {
            &[("rotation_days", "60")]
        }
        CREDENTIALS => &OTHER_CREDENTIALS,
        API_KEYS_ADD => &API_KEY_FORM,
        "/profile/password" => &[
            ("current_password", PASSWORD),
            ("password", "nine gentle otters juggle"),
            ("password_again", "nine gentle otters juggle"),
        ],
        "/profile/authenticator" | "/profile/recovery-codes" => &[("current_password", PASSWORD)],
        "/profile/authenticator/enrol" => &[("code", "000000")],
        _ => &[],
    }
}

/// The cookies to try: none, garbage, a session that waits for its code, an ended session, a valid
/// one, a valid one beside garbage.
struct Cookies([String; 6]);

impl Cookies {
    async fn fresh(house: &House, person: &Person) -> Self {
        // Earlier failures are forgotten, and earlier sessions have expired.
        house.test.clock.advance(TimeDelta::minutes(16));
        house.test.forgive(&person.email).await;
        let ended = house.sign_in(person).await;
        house.post(&ended, "/sign-out", &[]).await;
        let good = house.sign_in(person).await;
        let half = house.half_signed_in(&person.email).await;
        let both = format!("{good}; keystead-3000=garbage");
        Self([String::new(), "keystead-3000=garbage".into(), half, ended, good, both])
    }
}

struct Case {
    path: String,
    method: &'static str,
    origin: &'static [&'static str],
    site: &'static [&'static str],
    kind: &'static [&'static str],
    cookie: usize,
}

impl Case {
    /// Returns the case with this number.
    fn numbered(mut number: usize) -> Self {
        let mut digit = |base: usize| {
            let digit = number % base;
            number /= base;
            digit
        };
        Self {
            path: address(PAGES[digit(PAGES.len())].path),
            method: METHODS[digit(METHODS.len())],
            origin: ORIGINS[digit(ORIGINS.len())],
            site: SITES[digit(SITES.len())],
            kind: TYPES[digit(TYPES.len())],
            cookie: digit(6),
        }
    }

    fn count() -> usize {
        PAGES.len() * METHODS.len() * ORIGINS.len() * SITES.len() * TYPES.len() * 6
    }

    fn ask<'a>(&self, house: &'a House, cookies: &Cookies) -> Ask<'a> {
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(good_form(&self.path)).finish();
        let mut ask = house.ask(method, &self.path).without("sec-fetch-site").body(form);
        ask = ask.cookie(&cookies.0[self.cookie]);
        for (name, values) in
            [("origin", self.origin), ("sec-fetch-site", self.site), ("content-type", self.kind)]
        {
            ask = values.iter().fold(ask, |ask, value| ask.also(name, value));
        }
        ask
    }

    fn text(&self) -> String {
        let Self { path, method, origin, site, kind, cookie } = self;
        format!("{method} {path} origin {origin:?} site {site:?} type {kind:?} cookie {cookie}")
    }
}

fn check_headers(answer: &Answer, what: &str) {
    for name in ["x-content-type-options", "content-security-policy", "referrer-policy", "cache-control"] {
        assert!(!answer.header(name).is_empty(), "{what}: no {name}");
    }
}

#[tokio::test]
async fn whatever_a_request_looks_like_only_our_own_pages_change_something() {
    let (house, person, _) = furnished().await;
    let mut cookies = Cookies::fresh(&house, &person).await;
    let mut before = house.test.rows().await;
    let (mut tried, mut refused, mut allowed) = (0, 0, 0);
    // In steps of 131 every value of every dimension still meets every value of every other.
    for number in (0..Case::count()).step_by(scale(131, 1)) {
        let case = Case::numbered(number);
        let what = case.text();
        let may_change = case.method == "POST" && !must_be_refused(case.method, case.site, case.origin);
        if may_change {
            assert_eq!(house.test.rows().await, before, "something changed before {what}");
        }
        let answer = case.ask(&house, &cookies).send().await;
        tried += 1;
        assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
        check_headers(&answer, &what);
        let is_refused = answer.status == StatusCode::FORBIDDEN;
        assert_eq!(is_refused, must_be_refused(case.method, case.site, case.origin), "{what}");
        refused += usize::from(is_refused);
        allowed += usize::from(may_change);
        if may_change && case.cookie >= 2 && ends_sessions(&case.path) {
            cookies = Cookies::fresh(&house, &person).await;
        }
        // Nothing that was refused, or that only reads, has changed anything.
        if may_change || tried % 16 == 0 {
            let after = house.test.rows().await;
            assert!(may_change || after == before, "one of the 16 up to {what} changed something");
            before = after;
        }
    }
    assert_eq!(house.test.rows().await, before);
    println!("figure: {tried} requests of {}, {refused} refused, {allowed} let through", Case::count());
    assert!(refused > tried / 2 && allowed > 0);
}

/// Checks whether a request to the path may end the sessions of the tried cookies.
fn ends_sessions(path: &str) -> bool {
    path.starts_with("/sign-") || path.starts_with("/profile/")
}

#[tokio::test]
async fn a_request_that_is_refused_does_not_keep_a_session_alive() {
    let (house, _, cookie) = furnished().await;
    for _ in 0..3 {
        house.test.clock.advance(TimeDelta::minutes(6));
        let answer =
            house.ask(Method::POST, "/environments").header("sec-fetch-site", "same-site").cookie(&cookie);
        assert_eq!(answer.send().await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(house.get(&cookie, "/environments").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn of_two_session_cookies_none_counts() {
    let (house, _, cookie) = furnished().await;
    for both in [format!("{cookie}; keystead-3000=garbage"), format!("keystead-3000=garbage; {cookie}")] {
        assert_eq!(house.get(&both, "/environments").await.status, StatusCode::SEE_OTHER);
    }
    let apart =
        house.ask(Method::GET, "/environments").cookie(&cookie).also("cookie", "keystead-3000=garbage");
    assert_eq!(apart.send().await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.get(&format!("other=1; {cookie}"), "/environments").await.status, StatusCode::OK);
}
