//! Whom a stranger's guesses keep out: nobody who is signed in, and no browser that has signed in before.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use engine::base::error::{ChangesError, PeopleError};
use engine::changes::device::LIFE;
use engine::testing::{PASSWORD, Person, TestPortal, from};
use engine::{Client, Error, NewSession, Portal, SecretText, Session};

stories! {
    guesses_of_strangers_do_not_block_codes_of_a_session,
    guesses_of_strangers_do_not_block_a_browser_that_signed_in_before,
    a_stranger_with_the_password_blocks_strangers_alone,
    a_browser_that_signed_in_before_is_bounded_too,
    the_codes_of_sessions_are_bounded_and_block_no_sign_in,
    twenty_wrong_codes_of_sessions_leave_only_a_recovery_code,
    a_device_cookie_is_of_one_person,
    what_ends_sessions_ends_device_cookies,
    a_device_cookie_ends_after_ninety_days,
    a_device_cookie_that_keystead_did_not_write_is_none,
    one_cookie_remembers_several_persons,
    unblock_helps_everywhere,
    a_right_password_passes_the_full_counter_of_a_proxy,
    guesses_behind_a_proxy_are_bounded_by_name_and_by_network,
    a_right_setup_token_passes_the_full_counter_of_a_proxy,
    the_networks_of_a_site_are_bounded_together,
    strangers_cost_a_line_a_minute,
}

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

/// Returns the client that has this device cookie, at an address from which strangers guess.
fn client(portal: &Portal, cookie: &SecretText) -> Client {
    Client { devices: portal.changes().devices(cookie), ..from("192.0.2.7") }
}

/// Signs in with a new browser; returns it as it is afterwards.
async fn browser(t: &TestPortal, ada: &Person) -> Client {
    let new = sign_in(t, &ada.email, &ada.seed).await;
    client(&t.portal, &new.device.expect("a device cookie"))
}

async fn password_from(
    portal: &Portal,
    from: &Client,
    email: &str,
    password: &str,
) -> Result<NewSession, Error> {
    portal.people().check_password(email, text(password), from.clone(), None).await
}

/// A stranger guesses until the name is blocked, and from one network until that is blocked too.
async fn guess(t: &TestPortal) {
    for _ in 0..5 {
        let _ = password(&t.portal, ADA, "a guess").await;
    }
    for number in 0..35 {
        let _ = password(&t.portal, &format!("nobody{number}@example.com"), "a guess").await;
    }
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    refused!(password(&t.portal, BOB, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
}

async fn wrong_codes(t: &TestPortal, session: &Session, ada: &Person, times: usize) {
    for _ in 0..times {
        let wrong = wrong_code(t, &ada.seed);
        let checked = t.portal.people().check_sign_in_code(session, &wrong).await.map(drop);
        refused!(checked, Error::Changes(ChangesError::WrongCode { .. }));
    }
}

/// Prepares a change in Ada's session, and tries to confirm it.
async fn confirm(t: &TestPortal, ada: &Person, code: &SecretText) -> Result<(), Error> {
    let people = t.portal.people();
    let command = people.plan_recovery_codes(&ada.session, text(PASSWORD)).await?;
    let id = t.portal.changes().prepare(&ada.session, &command).await?;
    let proof = t.portal.proof(&ada.session, id, code).await?;
    people.replace_recovery_codes(proof, &ada.session).await.map(drop)
}

async fn guesses_of_strangers_do_not_block_codes_of_a_session(t: &TestPortal) {
    let ada = t.administrator().await;
    guess(t).await;
    // With the password of the moment and a code, at once and as long as the stranger goes on.
    for _ in 0..6 {
        confirm(t, &ada, &t.code(&ada)).await.expect("Ada is signed in");
        t.next_code();
        let _ = password(&t.portal, ADA, "a guess").await;
        t.clock.advance(TimeDelta::minutes(2));
        assert!(is_alive(t, &ada.token).await);
    }
}

async fn guesses_of_strangers_do_not_block_a_browser_that_signed_in_before(t: &TestPortal) {
    let ada = t.administrator().await;
    let own = browser(t, &ada).await;
    guess(t).await;
    let half = password_from(&t.portal, &own, ADA, PASSWORD).await.expect("not locked out").session;
    wrong_codes(t, &half, &ada, 2).await;
    t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in");
    // Neither does it help the stranger.
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    t.next_code();
    let half = password_from(&t.portal, &own, ADA, PASSWORD).await.expect("not locked out").session;
    let code = text(&ada.recovery_codes[0]);
    let enrolling = t.portal.people().check_recovery_code(&half, &code).await.expect("it is right").session;
    let seed = t.portal.people().enrolment(&enrolling).await.expect("a seed").seed;
    t.portal.people().finish_enrolment(&enrolling, &seed.code(t.clock.now())).await.expect("signed in");
}

/// A server compares some codes in a minute. A code that the database refuses is not compared, and takes no place among them.
async fn a_stranger_with_the_password_blocks_strangers_alone(t: &TestPortal) {
    let ada = t.administrator().await;
    let own = browser(t, &ada).await;
    let half = half_way(&t.portal, ADA).await;
    let people = t.portal.people();
    let (mut wrong, mut blocked) = (0, 0);
    for _ in 0..30 {
        match people.check_sign_in_code(&half, &wrong_code(t, &ada.seed)).await {
            Err(Error::Changes(ChangesError::WrongCode { .. })) => wrong += 1,
            Err(Error::Changes(ChangesError::Blocked { .. })) => blocked += 1,
            other => panic!("{:?}", other.err()),
        }
    }
    assert_eq!((wrong, blocked), (5, 25));
    confirm(t, &ada, &t.code(&ada)).await.expect("Ada is signed in");
    t.next_code();
    let half = password_from(&t.portal, &own, ADA, PASSWORD).await.expect("not locked out").session;
    people.check_sign_in_code(&half, &t.code(&ada)).await.expect("signed in");
}

async fn a_browser_that_signed_in_before_is_bounded_too(t: &TestPortal) {
    let ada = t.administrator().await;
    let own = browser(t, &ada).await;
    for _ in 0..5 {
        let wrong = password_from(&t.portal, &own, ADA, "a guess").await;
        refused!(wrong, Error::People(PeopleError::WrongPassword));
    }
    let right = password_from(&t.portal, &own, ADA, PASSWORD).await;
    refused!(right, Error::Changes(ChangesError::Blocked { .. }));
    assert_eq!(logged(t, Action::SignIn, Outcome::Refused).await, 5);
    // Another browser with the cookie has the same counter; a stranger's and the session have others.
    let another = browser(t, &ada).await;
    let right = password_from(&t.portal, &another, ADA, PASSWORD).await;
    refused!(right, Error::Changes(ChangesError::Blocked { .. }));
    confirm(t, &ada, &t.code(&ada)).await.expect("Ada is signed in");
    t.next_code();
    t.clock.advance(TimeDelta::minutes(1));
    for _ in 0..20 {
        let half = password_from(&t.portal, &own, ADA, PASSWORD).await.expect("the block is over").session;
        let wrong = t.portal.people().check_sign_in_code(&half, &wrong_code(t, &ada.seed)).await.map(drop);
        refused!(wrong, Error::Changes(ChangesError::WrongCode { .. }));
        t.clock.advance(TimeDelta::minutes(16));
    }
    let half = password_from(&t.portal, &own, ADA, PASSWORD).await.expect("the block is over").session;
    let right = t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await;
    refused!(right, Error::Changes(ChangesError::CodesExhausted));
}

async fn the_codes_of_sessions_are_bounded_and_block_no_sign_in(t: &TestPortal) {
    let ada = t.administrator().await;
    for _ in 0..5 {
        let wrong = confirm(t, &ada, &wrong_code(t, &ada.seed)).await;
        refused!(wrong, Error::Changes(ChangesError::WrongCode { .. }));
    }
    let blocked = confirm(t, &ada, &t.code(&ada)).await;
    refused!(blocked, Error::Changes(ChangesError::Blocked { .. }));
    // In every session, and for the current password as well.
    let other = Person { session: sign_in(t, ADA, &ada.seed).await.session, ..ada };
    let blocked = confirm(t, &other, &t.code(&other)).await;
    refused!(blocked, Error::Changes(ChangesError::Blocked { .. }));
    t.clock.advance(TimeDelta::minutes(1));
    confirm(t, &other, &t.code(&other)).await.expect("the block is over");
}

async fn twenty_wrong_codes_of_sessions_leave_only_a_recovery_code(t: &TestPortal) {
    let mut ada = t.administrator().await;
    for _ in 0..20 {
        let wrong = confirm(t, &ada, &wrong_code(t, &ada.seed)).await;
        refused!(wrong, Error::Changes(ChangesError::WrongCode { .. }));
        for _ in 0..2 {
            t.clock.advance(TimeDelta::minutes(8));
            if !is_alive(t, &ada.token).await {
                let new = sign_in(t, ADA, &ada.seed).await;
                (ada.session, ada.token) = (new.session, new.token);
            }
        }
    }
    // Signing in with a code is another counter, and does not clear this one.
    let new = sign_in(t, ADA, &ada.seed).await;
    (ada.session, ada.token) = (new.session, new.token);
    let right = confirm(t, &ada, &t.code(&ada)).await;
    refused!(right, Error::Changes(ChangesError::CodesExhausted));
    let enrolling = recovering(t, &ada, 0).await.expect("a recovery code helps").session;
    let seed = t.portal.people().enrolment(&enrolling).await.expect("a seed").seed;
    let code = seed.code(t.clock.now());
    ada.session = t.portal.people().finish_enrolment(&enrolling, &code).await.expect("signed in").session;
    ada.seed = seed;
    t.next_code();
    confirm(t, &ada, &t.code(&ada)).await.expect("the new app's codes are accepted");
}

async fn a_device_cookie_is_of_one_person(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, BOB).await;
    let of_bob = browser(t, &bob).await;
    // Bob's browser is a stranger's for Ada: he can block her name, and not more than that.
    for _ in 0..5 {
        let wrong = password_from(&t.portal, &of_bob, ADA, "a guess").await;
        refused!(wrong, Error::People(PeopleError::WrongPassword));
    }
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    assert!(password_from(&t.portal, &of_bob, BOB, PASSWORD).await.is_ok());
    confirm(t, &ada, &t.code(&ada)).await.expect("Ada is signed in");
}

async fn what_ends_sessions_ends_device_cookies(t: &TestPortal) {
    let ada = t.administrator().await;
    let hosts = t.portal.administrators();
    let own = browser(t, &ada).await;
    guess(t).await;
    assert!(password_from(&t.portal, &own, ADA, PASSWORD).await.is_ok());
    hosts.sign_out_everywhere(ADA).await.expect("signed out");
    let blocked = password_from(&t.portal, &own, ADA, PASSWORD).await;
    refused!(blocked, Error::Changes(ChangesError::Blocked { .. }));

    hosts.unblock(ADA).await.expect("unblocked");
    t.clock.advance(TimeDelta::hours(2));
    let own = browser(t, &ada).await;
    hosts.disable(ADA).await.expect("disabled");
    hosts.enable(ADA).await.expect("enabled");
    guess(t).await;
    let blocked = password_from(&t.portal, &own, ADA, PASSWORD).await;
    refused!(blocked, Error::Changes(ChangesError::Blocked { .. }));

    // These clear the counters, so strangers guess afterwards.
    for step in 0..2 {
        hosts.unblock(ADA).await.expect("unblocked");
        t.clock.advance(TimeDelta::hours(2));
        let own = browser(t, &ada).await;
        match step {
            0 => hosts.reset_password(ADA, text(PASSWORD)).await.expect("reset"),
            _ => drop(hosts.reset_authenticator(ADA, |_| Ok(())).await.expect("reset")),
        }
        guess(t).await;
        let blocked = password_from(&t.portal, &own, ADA, PASSWORD).await;
        refused!(blocked, Error::Changes(ChangesError::Blocked { .. }));
    }
}

async fn a_device_cookie_ends_after_ninety_days(t: &TestPortal) {
    let ada = t.administrator().await;
    let device = sign_in(t, ADA, &ada.seed).await.device.expect("a device cookie");
    t.clock.advance(LIFE - TimeDelta::minutes(5));
    guess(t).await;
    let known = password_from(&t.portal, &client(&t.portal, &device), ADA, PASSWORD).await;
    assert!(known.is_ok());
    t.clock.advance(TimeDelta::minutes(5));
    guess(t).await;
    let over = password_from(&t.portal, &client(&t.portal, &device), ADA, PASSWORD).await;
    refused!(over, Error::Changes(ChangesError::Blocked { .. }));
    // One that was made while the clock was ahead proves nothing when it is right again.
    t.clock.advance(TimeDelta::days(400));
    let device = sign_in(t, ADA, &ada.seed).await.device.expect("a device cookie");
    t.clock.advance(-TimeDelta::days(400));
    t.portal.administrators().unblock(ADA).await.expect("unblocked");
    t.clock.advance(TimeDelta::hours(2));
    guess(t).await;
    let ahead = password_from(&t.portal, &client(&t.portal, &device), ADA, PASSWORD).await;
    refused!(ahead, Error::Changes(ChangesError::Blocked { .. }));
}

async fn a_device_cookie_that_keystead_did_not_write_is_none(t: &TestPortal) {
    let ada = t.administrator().await;
    let device = sign_in(t, ADA, &ada.seed).await.device.expect("a device cookie");
    let half = half_way(&t.portal, ADA).await;
    assert_eq!(half.stage, engine::Stage::Password);
    guess(t).await;
    let right = device.expose();
    let mut forged =
        vec![String::new(), ".".repeat(9000), "A".repeat(86), format!("{right}A"), right[1..].to_owned()];
    // Every character carries bits of the person, the epoch, the end or the code.
    forged.extend((0..right.len()).map(|at| {
        let other = if &right[at..=at] == "A" { "B" } else { "A" };
        [&right[..at], other, &right[at + 1..]].concat()
    }));
    for text in forged {
        let client = client(&t.portal, &SecretText::new(text.clone()));
        let blocked = password_from(&t.portal, &client, ADA, PASSWORD).await;
        assert!(matches!(blocked, Err(Error::Changes(ChangesError::Blocked { .. }))), "{text}");
    }
    assert!(password_from(&t.portal, &client(&t.portal, &device), ADA, PASSWORD).await.is_ok());
    // A server with the same keyring reads it, and it is no session.
    let second = t.second().await;
    assert!(password_from(&second, &client(&second, &device), ADA, PASSWORD).await.is_ok());
    refused!(
        second.people().session(&device, from("192.0.2.7")).await,
        Error::Changes(ChangesError::SignedOut)
    );
}

async fn one_cookie_remembers_several_persons(t: &TestPortal) {
    let mut people = vec![t.administrator().await];
    for name in ["bob", "cleo", "dan", "eve"] {
        people.push(colleague(t, &format!("{name}@example.com")).await);
    }
    let mut known = from("192.0.2.9");
    for person in &people {
        let half = password_from(&t.portal, &known, &person.email, PASSWORD).await.expect("right").session;
        let new = t.portal.people().check_sign_in_code(&half, &t.code(person)).await.expect("right");
        t.next_code();
        let cookie = new.device.expect("a device cookie");
        assert!(cookie.expose().len() < 400, "{} bytes", cookie.expose().len());
        known = client(&t.portal, &cookie);
    }
    guess(t).await;
    for (number, person) in people.iter().enumerate() {
        let asked = password_from(&t.portal, &known, &person.email, PASSWORD).await;
        assert_eq!(asked.is_ok(), number > 0, "the four who were last: {}", person.email);
    }
}

async fn unblock_helps_everywhere(t: &TestPortal) {
    let ada = t.administrator().await;
    let own = browser(t, &ada).await;
    for _ in 0..5 {
        let _ = password(&t.portal, ADA, "a guess").await;
        let _ = password_from(&t.portal, &own, ADA, "a guess").await;
        let _ = confirm(t, &ada, &wrong_code(t, &ada.seed)).await;
    }
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    assert_eq!(t.failures(ADA).await, 15, "three counters");
    t.portal.administrators().unblock(ADA).await.expect("unblocked");
    assert_eq!(t.failures(ADA).await, 0);
    assert!(password(&t.portal, ADA, PASSWORD).await.is_ok());
    assert!(password_from(&t.portal, &own, ADA, PASSWORD).await.is_ok());
    confirm(t, &ada, &t.code(&ada)).await.expect("confirmed");
}

/// Returns a client behind a proxy that Keystead cannot see through.
fn behind_a_proxy() -> Client {
    Client { is_shared: true, ..from("192.0.2.7") }
}

/// A stranger behind the proxy fills the counter of its network with names that nobody has.
async fn fill(t: &TestPortal, proxy: &Client) {
    for number in 0..40 {
        let tried = password_from(&t.portal, proxy, &format!("nobody{number}@example.com"), "a guess").await;
        refused!(tried, Error::People(PeopleError::WrongPassword));
    }
}

async fn events(t: &TestPortal) -> i64 {
    number(t.db(), "SELECT COUNT(*) FROM audit_event").await
}

async fn counters(t: &TestPortal) -> i64 {
    number(t.db(), "SELECT COUNT(*) FROM throttle").await
}

async fn a_right_password_passes_the_full_counter_of_a_proxy(t: &TestPortal) {
    t.administrator().await;
    let proxy = behind_a_proxy();
    fill(t, &proxy).await;
    let before = (events(t).await, counters(t).await);
    // Wrong passwords and unknown names get the answer of the full counter; together they leave one line, and no row.
    let mut told = Vec::new();
    for (name, password) in [(ADA, "a guess"), ("eve@example.com", PASSWORD), ("bob@example.com", "a guess")]
    {
        let Err(full) = password_from(&t.portal, &proxy, name, password).await else { panic!("{name}") };
        assert!(matches!(full, Error::Changes(ChangesError::Blocked { .. })), "{full:?}");
        told.push(full.to_string());
    }
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
    assert_eq!((events(t).await, counters(t).await), (before.0 + 1, before.1));
    assert_eq!(t.failures(ADA).await, 0, "it does not tell from elsewhere who has the name");
    // Somebody who has the address alone is refused as before.
    let alone = password_from(&t.portal, &from("192.0.2.7"), ADA, PASSWORD).await;
    refused!(alone, Error::Changes(ChangesError::Blocked { .. }));
    assert!(password_from(&t.portal, &proxy, ADA, PASSWORD).await.is_ok());
    assert_eq!((t.failures(ADA).await, t.failures("eve@example.com").await), (0, 0));
}

async fn guesses_behind_a_proxy_are_bounded_by_name_and_by_network(t: &TestPortal) {
    t.administrator().await;
    let proxy = behind_a_proxy();
    fill(t, &proxy).await;
    for _ in 0..10 {
        let guess = password_from(&t.portal, &proxy, ADA, "a guess").await;
        refused!(guess, Error::Changes(ChangesError::Blocked { .. }));
    }
    assert_eq!(t.failures(ADA).await, 0, "the name is not blocked for others");
    assert!(password(&t.portal, BOB, PASSWORD).await.is_err(), "nobody has this name yet");
    let right = password_from(&t.portal, &proxy, ADA, PASSWORD).await;
    refused!(right, Error::Changes(ChangesError::Blocked { .. }));
    t.clock.advance(TimeDelta::minutes(15));
    // The network's own block is over: the stranger is the next to fill the counter.
    let next = password_from(&t.portal, &proxy, "eve@example.com", "a guess").await;
    refused!(next, Error::People(PeopleError::WrongPassword));
    for _ in 0..20 {
        let guess = password_from(&t.portal, &proxy, "eve@example.com", "a guess").await;
        refused!(guess, Error::Changes(ChangesError::Blocked { .. }));
    }
    let right = password_from(&t.portal, &proxy, ADA, PASSWORD).await;
    refused!(right, Error::Changes(ChangesError::Blocked { .. }));
    t.clock.advance(TimeDelta::minutes(1));
    assert!(password_from(&t.portal, &proxy, ADA, PASSWORD).await.is_ok(), "after a minute there are more");
    // While the name's own counter blocks it, nothing is compared.
    for _ in 0..5 {
        let wrong = password_from(&t.portal, &from("203.0.113.9"), ADA, "a guess").await;
        refused!(wrong, Error::People(PeopleError::WrongPassword));
    }
    let right = password_from(&t.portal, &proxy, ADA, PASSWORD).await;
    refused!(right, Error::Changes(ChangesError::Blocked { .. }));
}

async fn a_right_setup_token_passes_the_full_counter_of_a_proxy(t: &TestPortal) {
    let token = t.portal.people().issue_setup_token(None).await.expect("issued").expect("the first start");
    let proxy = behind_a_proxy();
    for _ in 0..40 {
        let tried = t.portal.people().enter_setup(&text("wrong"), proxy.clone()).await;
        refused!(tried, Error::People(PeopleError::WrongSetupToken));
    }
    let wrong = t.portal.people().enter_setup(&text("wrong"), proxy.clone()).await;
    refused!(wrong, Error::Changes(ChangesError::Blocked { .. }));
    assert!(t.portal.people().enter_setup(&token, proxy).await.is_ok());
}

async fn the_networks_of_a_site_are_bounded_together(t: &TestPortal) {
    let ada = t.administrator().await;
    let own = browser(t, &ada).await;
    let network = |site: u32, number: u32| from(&format!("2001:db8:{site:x}:{number:x}::1"));
    let guess =
        async |from: &Client, name: &str| password_from(&t.portal, from, name, "a guess").await.map(drop);
    for number in 0..200 {
        let guessed = guess(&network(1, number), &format!("nobody{number}@example.com")).await;
        refused!(guessed, Error::People(PeopleError::WrongPassword));
    }
    refused!(guess(&network(1, 999), "eve@example.com").await, Error::Changes(ChangesError::Blocked { .. }));
    refused!(guess(&network(2, 999), "eve@example.com").await, Error::People(PeopleError::WrongPassword));
    password_from(&t.portal, &network(2, 7), ADA, PASSWORD).await.expect("another site");
    let at_home = Client { devices: own.devices, ..network(1, 7) };
    password_from(&t.portal, &at_home, ADA, PASSWORD).await.expect("a browser that has signed in before");
    t.clock.advance(TimeDelta::minutes(1));
    password_from(&t.portal, &network(1, 7), ADA, PASSWORD).await.expect("the block is over");
}

async fn strangers_cost_a_line_a_minute(t: &TestPortal) {
    t.administrator().await;
    let told = async || -> Vec<(String, String)> {
        let lines = log(t).await.into_iter();
        let lines = lines.filter(|line| line.action == Action::SignIn && line.outcome == Outcome::Refused);
        lines.map(|line| (line.detail, line.address)).collect()
    };
    let guess = async |network: u32| {
        let guessed =
            password_from(&t.portal, &from(&format!("192.0.2.{network}")), "eve@example.com", "x").await;
        assert!(guessed.is_err());
    };
    let line = |detail: &str, address: &str| (detail.to_owned(), address.to_owned());
    guess(1).await;
    assert_eq!(told().await, [line("unknown e-mail", "192.0.2.1")], "the first is told at once");
    for network in [1, 2, 3] {
        guess(network).await;
    }
    t.portal.changes().strangers().record_due().await.expect("nothing to do");
    assert_eq!(told().await.len(), 1, "the minute is not over");
    t.clock.advance(TimeDelta::minutes(1));
    t.portal.changes().strangers().record_due().await.expect("recorded");
    let second = line("unknown e-mail: 3 more since the line before, from 3 networks", "192.0.2.3");
    assert!(told().await.contains(&second));
    // Strangers who go on, and an end of the server.
    t.forgive("eve@example.com").await;
    guess(4).await;
    assert_eq!(told().await.len(), 2);
    t.portal.changes().strangers().end().await;
    assert!(
        told()
            .await
            .contains(&line("unknown e-mail: 1 more since the line before, from 1 network", "192.0.2.4"))
    );
    // After a quiet minute, the next is told at once.
    t.clock.advance(TimeDelta::minutes(1));
    t.portal.changes().strangers().record_due().await.expect("nothing to do");
    t.forgive("eve@example.com").await;
    guess(5).await;
    assert!(told().await.contains(&line("unknown e-mail", "192.0.2.5")));
}
