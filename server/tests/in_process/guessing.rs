//! A script guesses at every form that checks a secret: with other spellings of the name, from a
//! thousand networks, over restarts and hours, on both databases.

use crate::support::common::{on_both, random, shown_seed};
use crate::support::{Answer, Ask, House, KEYS_ADD};
use axum::http::{HeaderMap, Method, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use engine::changes::totp::Seed;
use engine::testing::{DatabaseKind, PASSWORD, Person, TestPortal, scale};
use std::time::Instant;

on_both! {
    a_script_gets_five_tries_a_window_and_twenty_codes,
    names_that_are_nobodys_answer_alike,
}

const EMAIL: &str = "ada@example.com";
const PROXY: &[(&str, &str)] = &[("KEYSTEAD_TRUSTED_PROXIES", "127.0.0.1")];
const NAMES: [&str; 6] = [
    EMAIL,
    "Ada@Example.COM",
    " ada@example.com  ",
    "\u{ff41}da@example.com",
    "ADA@EXAMPLE.COM",
    "ada\u{ff20}example.com",
];

/// A form at which a secret can be guessed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Password,
    SignInCode,
    RecoveryCode,
    EnrolmentCode,
    ConfirmationCode,
}

const DOORS: [Door; 5] =
    [Door::Password, Door::SignInCode, Door::RecoveryCode, Door::EnrolmentCode, Door::ConfirmationCode];

/// The result of a guess.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Met {
    /// Keystead compared the guess, and it was wrong.
    Wrong,
    Blocked,
    /// The session that leads to the form has ended.
    NoDoor,
}

/// An attacker with the password, a stolen session and an enrolling session, who guesses the rest.
struct Guesser {
    house: House,
    person: Person,
    stolen: String,
    half: String,
    enrolling: String,
    new_seed: Seed,
}

/// Returns an address in one of a thousand networks.
fn address() -> String {
    match random(2) {
        0 => format!("10.0.{}.{}", random(4), random(125)),
        _ => format!("2001:db8:0:{:x}::{:x}", random(500), random(60_000)),
    }
}

impl Guesser {
    async fn begin(kind: DatabaseKind) -> Self {
        let house = House::of(TestPortal::new(kind).await, PROXY);
        let person = house.test.administrator().await;
        let stolen = house.sign_in(&person).await;
        house.post(&stolen, "/environments", &[("name", "Production"), ("kind", "production")]).await;
        house.post(&stolen, "/environments/production", &[("country", "DE")]).await;
        let half = house.half_signed_in(EMAIL).await;
        let code = [("recovery_code", person.recovery_codes[0].as_str())];
        let enrolling =
            house.post(&half, "/sign-in/recovery", &code).await.cookie().expect("the code was right");
        let new_seed = shown_seed(&house.get(&enrolling, "/sign-in/authenticator").await.body);
        let half = house.half_signed_in(EMAIL).await;
        Self { house, person, stolen, half, enrolling, new_seed }
    }

    async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.house
            .ask(Method::POST, path)
            .cookie(cookie)
            .fields(fields)
            .forwarded_for(&address())
            .send()
            .await
    }

    fn now(&self) -> DateTime<Utc> {
        self.house.test.clock.now()
    }

    /// Returns six digits that are the code of neither this time step nor the one before.
    fn wrong_code(&self, seed: &Seed) -> String {
        loop {
            let code = format!("{:06}", random(1_000_000));
            let near = [0, 30].map(|seconds| seed.code(self.now() - TimeDelta::seconds(seconds)));
            if near.iter().all(|right| right.expose() != code) {
                return code;
            }
        }
    }

    /// Submits the right secret or a wrong one at a form.
    async fn offer(&mut self, door: Door, is_right: bool) -> Met {
        let code = |guesser: &Self, seed: &Seed| match is_right {
            true => seed.code(guesser.now()).expose().to_owned(),
            false => guesser.wrong_code(seed),
        };
        let answer = match door {
            Door::Password => {
                let password = if is_right { PASSWORD } else { "wrong and long enough" };
                let name = NAMES[random(NAMES.len())];
                self.post("", "/sign-in", &[("email", name), ("password", password)]).await
            }
            Door::SignInCode => {
                let code = code(self, &self.person.seed);
                self.post(&self.half, "/sign-in/code", &[("code", &code)]).await
            }
            Door::RecoveryCode => {
                let code = if is_right {
                    &self.person.recovery_codes[1]
                } else {
                    "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GG"
                };
                self.post(&self.half, "/sign-in/recovery", &[("recovery_code", code)]).await
            }
            Door::EnrolmentCode => {
                let code = code(self, &self.new_seed);
                self.post(&self.enrolling, "/sign-in/authenticator", &[("code", &code)]).await
            }
            Door::ConfirmationCode => {
                let new = [("key_type", "managed"), ("rotation_days", "30")];
                let prepared = self.post(&self.stolen, KEYS_ADD, &new).await;
                let code = code(self, &self.person.seed);
                self.post(&self.stolen, prepared.location(), &[("code", &code)]).await
            }
        };
        match answer.status {
            StatusCode::UNPROCESSABLE_ENTITY => Met::Wrong,
            StatusCode::TOO_MANY_REQUESTS => Met::Blocked,
            StatusCode::SEE_OTHER
                if answer.location().starts_with("/sign-in") && answer.cookie().is_none() =>
            {
                Met::NoDoor
            }
            other => panic!("{door:?} was answered with {other}: {}", answer.body),
        }
    }

    /// Opens a new session that waits for its code, with the password that the attacker knows.
    async fn come_back(&mut self) {
        let again = self.post("", "/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await;
        if let Some(half) = again.cookie() {
            self.half = half;
        }
    }

    async fn restart(&mut self) {
        self.house = self.house.second(PROXY).await;
    }
}

/// Returns how long a name is blocked after this number of failures.
fn wait_after(failures: usize) -> TimeDelta {
    match failures {
        0..=4 => TimeDelta::zero(),
        more => TimeDelta::minutes((1 << (more - 5).min(4)).min(15)),
    }
}

async fn a_script_gets_five_tries_a_window_and_twenty_codes(kind: DatabaseKind) {
    let began = Instant::now();
    let mut guesser = Guesser::begin(kind).await;
    // Tries before somebody is signed in and tries in a session count apart.
    let (mut tries, mut compared, mut codes) = (0, [0, 0], [0, 0]);
    let mut last = [guesser.now(); 2];
    let mut at_doors = [0; DOORS.len()];
    let start = guesser.now();
    while guesser.now() - start < TimeDelta::hours(scale(6, 11)) {
        tries += 1;
        let is_first_round = tries <= DOORS.len();
        let seconds = if is_first_round { 0 } else { [0, 0, 0, 1, 7, 30, 60, 300][random(8)] };
        guesser.house.test.clock.advance(TimeDelta::seconds(seconds));
        if tries % 40 == 0 {
            guesser.restart().await;
        }
        // Use keeps the stolen session from expiring.
        assert_eq!(guesser.house.get(&guesser.stolen, "/environments").await.status, StatusCode::OK);
        let index = if is_first_round { tries - 1 } else { random(DOORS.len()) };
        let door = DOORS[index];
        match guesser.offer(door, false).await {
            Met::NoDoor => guesser.come_back().await,
            Met::Blocked => {
                if random(5) == 0 {
                    let met = guesser.offer(door, true).await;
                    assert!(
                        matches!(met, Met::Blocked | Met::NoDoor),
                        "what is right is not compared either: {met:?}"
                    );
                }
            }
            Met::Wrong => {
                let of = usize::from(door == Door::ConfirmationCode);
                let waited = guesser.now() - last[of];
                let tried = compared[of];
                assert!(waited >= wait_after(tried), "try {} of {door:?} after {waited}", tried + 1);
                last[of] = guesser.now();
                compared[of] += 1;
                at_doors[index] += 1;
                // Codes for an app that is being enrolled do not count towards the limit of twenty.
                codes[of] += usize::from(matches!(door, Door::SignInCode | Door::ConfirmationCode));
                assert!(codes[of] <= 20, "twenty codes in a row and no more");
            }
        }
    }
    assert!(
        compared.iter().all(|count| *count > 15) && at_doors.iter().all(|count| *count > 0),
        "every door was tried: {at_doors:?}"
    );
    // Keystead compares the rest of the twenty codes, then none: not the next day, not after a restart, not the right one.
    while codes[0] < 20 {
        guesser.house.test.clock.advance(TimeDelta::minutes(16));
        guesser.come_back().await;
        guesser.house.test.clock.advance(TimeDelta::minutes(1));
        assert_eq!(guesser.offer(Door::SignInCode, false).await, Met::Wrong);
        codes[0] += 1;
    }
    for _ in 0..3 {
        guesser.house.test.clock.advance(TimeDelta::hours(9));
        guesser.restart().await;
        guesser.come_back().await;
        assert_eq!(guesser.offer(Door::SignInCode, false).await, Met::Blocked);
        assert_eq!(
            guesser.offer(Door::SignInCode, true).await,
            Met::Blocked,
            "the right code is not compared"
        );
    }
    let code = [("recovery_code", guesser.person.recovery_codes[1].as_str())];
    let back = guesser.post(&guesser.half, "/sign-in/recovery", &code).await;
    assert!(back.cookie().is_some(), "a recovery code helps: {}", back.body);
    println!(
        "figure: guessing over {} h, {kind:?}: {tries} guesses from 1,000 networks, {compared:?} compared ({at_doors:?} at {DOORS:?}), \
         20 codes and then none; in {:?}",
        scale(6, 11),
        began.elapsed()
    );
    let Guesser { house, .. } = guesser;
    house.end().await;
}

/// Returns an answer without the parts that may differ: the cookie for a right password and the typed name.
fn told(answer: &Answer, name: &str) -> (StatusCode, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    headers.remove("set-cookie");
    (answer.status, headers, answer.body.replace(name, "NAME"))
}

async fn names_that_are_nobodys_answer_alike(kind: DatabaseKind) {
    let house = House::of(TestPortal::new(kind).await, PROXY);
    house.test.administrator().await;
    house.newcomer("bob@example.com").await;
    house.test.portal.administrators().disable("bob@example.com").await.expect("disabled");
    let wrong = "wrong and long enough";
    for round in 0..40 {
        let mut answers = Vec::new();
        // A known name, an unknown name, and a disabled account with the right password.
        for (name, password) in [(EMAIL, wrong), ("eve@example.com", wrong), ("bob@example.com", PASSWORD)] {
            let fields = [("email", name), ("password", password)];
            let ask =
                house.ask(Method::POST, "/sign-in").fields(&fields).forwarded_for(&format!("10.1.0.{round}"));
            answers.push(told(&ask.send().await, name));
        }
        assert_eq!(answers[0], answers[1], "in round {round}");
        assert_eq!(answers[0], answers[2], "in round {round}");
        house.test.clock.advance(TimeDelta::seconds(45));
    }
    house.end().await;
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Keystead does the same work for an unknown name. The requests alternate, so that other load on the
/// machine affects both alike; the bound of the long form is for a machine without other load.
#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_names_take_as_long() {
    let house = House::new().await;
    house.test.administrator().await;
    let rounds = scale(60, 2_000);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut both = [(EMAIL, &mut known), ("eve@example.com", &mut unknown)];
        // The first place alternates.
        both.rotate_left(round % 2);
        for (name, times) in both {
            let began = Instant::now();
            let answer =
                house.post("", "/sign-in", &[("email", name), ("password", "wrong and long enough")]).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            house.test.forgive(name).await;
        }
        if round % 10 == 9 {
            house.test.clock.advance(TimeDelta::hours(2));
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    println!(
        "figure: sign-in, {rounds} tries each, interleaved: median known {known:.3} ms, unknown {unknown:.3} ms"
    );
    let bound = if scale(false, true) { 1.0 } else { 0.25 * known };
    assert!((known - unknown).abs() < bound, "known {known:.3} ms, unknown {unknown:.3} ms");
}

const NOTICE: &str = "A proxy may not be named";

/// Forty names that nobody has, each guessed at once through a proxy: the counter of the proxy's network is full then.
async fn fill(house: &House, forwarded: impl Fn(usize) -> String) -> Vec<StatusCode> {
    let mut answers = Vec::new();
    for number in 0..42 {
        let name = format!("nobody{number}@example.com");
        let fields = [("email", name.as_str()), ("password", "wrong and long enough")];
        let ask = house.ask(Method::POST, "/sign-in").fields(&fields);
        answers.push(ask.forwarded_for(&forwarded(number)).send().await.status);
    }
    answers
}

fn sign_in_through<'a>(house: &'a House, forwarded: &str, password: &str) -> Ask<'a> {
    let fields = [("email", EMAIL), ("password", password)];
    house.ask(Method::POST, "/sign-in").fields(&fields).forwarded_for(forwarded)
}

#[tokio::test]
async fn guesses_through_an_unnamed_proxy_keep_nobody_out_and_administrators_are_told() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    assert!(!house.get(&cookie, "/").await.body.contains(NOTICE));
    let answers = fill(&house, |number| format!("198.51.100.{number}")).await;
    assert_eq!(answers[39..], [422, 429, 429], "the counter of the proxy's network is full");
    let wrong = sign_in_through(&house, "203.0.113.9", "wrong and long enough").send().await;
    assert_eq!(wrong.status, StatusCode::TOO_MANY_REQUESTS);
    let unknown = house.ask(Method::POST, "/sign-in");
    let unknown = unknown.fields(&[("email", "eve@example.com"), ("password", "wrong and long enough")]);
    let unknown = unknown.forwarded_for("203.0.113.9").send().await;
    assert_eq!(told(&wrong, EMAIL), told(&unknown, "eve@example.com"));
    let right = sign_in_through(&house, "203.0.113.9", PASSWORD).send().await;
    assert!(right.cookie().is_some(), "{}: {}", right.status, right.body);
    let page = house.get(&cookie, "/").await.body;
    assert!(page.contains(NOTICE) && page.contains("Requests come through 127.0.0.1,"), "{page}");
    assert!(!house.get("", "/sign-in").await.body.contains(NOTICE), "strangers are not told");
}

#[tokio::test]
async fn visitors_are_told_apart_in_every_form_that_proxies_write() {
    let house = House::with(PROXY).await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    let answers = fill(&house, |number| format!("198.51.100.1, 203.0.113.9:{}", 51_000 + number)).await;
    assert_eq!(answers[39..], [422, 429, 429], "the port is not part of the visitor's address");
    for (forwarded, is_let_in) in [
        ("203.0.113.9", false),
        ("\"203.0.113.9:443\"", false),
        ("[::ffff:203.0.113.9]:443", false),
        ("203.0.113.10:51000", true),
        ("[2001:db8::9]:51000", true),
    ] {
        let answer = sign_in_through(&house, forwarded, PASSWORD).send().await;
        assert_eq!(answer.cookie().is_some(), is_let_in, "{forwarded}: {}", answer.status);
    }
    let page = house.get(&cookie, "/").await.body;
    assert!(!page.contains("Keystead takes all"), "{page}");
    // A client cannot write the address that the proxy does not tell, nor put a text on the page.
    let hidden = sign_in_through(&house, "203.0.113.77, <b>unknown</b>", PASSWORD).send().await;
    assert!(hidden.cookie().is_some());
    let page = house.get(&cookie, "/").await.body;
    assert!(page.contains("The proxy 127.0.0.1 does not tell for whom it forwards"), "{page}");
    assert!(!page.contains("203.0.113.77") && !page.contains("<b>unknown"), "{page}");
}

/// Keystead does the same work for an unknown name whose network's counter is full.
#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_names_take_as_long_past_a_full_counter() {
    let house = House::new().await;
    house.test.administrator().await;
    let rounds = scale(30, 1_000);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Two of a minute's twenty comparisons are spent on filling the counter.
        if round % 9 == 0 {
            house.test.clock.advance(TimeDelta::hours(2));
            fill(&house, |_| "198.51.100.1".to_owned()).await;
        }
        if round % 4 == 0 {
            house.test.forgive(EMAIL).await;
        }
        let mut both = [(EMAIL, &mut known), ("eve@example.com", &mut unknown)];
        both.rotate_left(round % 2);
        for (name, times) in both {
            let fields = [("email", name), ("password", "wrong and long enough")];
            let ask = house.ask(Method::POST, "/sign-in").fields(&fields).forwarded_for("198.51.100.1");
            let began = Instant::now();
            let answer = ask.send().await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    println!(
        "figure: sign-in past a full counter, {rounds} tries each, interleaved: median known {known:.3} ms, unknown {unknown:.3} ms"
    );
    let bound = if scale(false, true) { 1.0 } else { 0.25 * known };
    assert!((known - unknown).abs() < bound, "known {known:.3} ms, unknown {unknown:.3} ms");
}
