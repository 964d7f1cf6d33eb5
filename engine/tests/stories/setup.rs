//! The first run: from the setup token to the first administrator.

use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, Outcome};
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::changes::totp::Seed;
use engine::testing::{PASSWORD, TestPortal, from};
use engine::{Error, Portal, SecretText, Session, SetupState, Stage};

stories! {
    the_first_run_makes_one_administrator_and_signs_in,
    a_wrong_token_is_refused_and_recorded,
    a_token_is_refused_after_sixty_minutes,
    a_token_is_worth_nothing_once_there_is_an_administrator,
    a_restart_replaces_its_own_token_and_no_other_servers,
    two_setups_at_once_make_one_administrator,
    setup_and_the_command_line_at_once_do_not_wait_for_each_other,
    a_password_is_refused_in_words,
    a_wrong_code_keeps_setup_waiting_and_the_right_one_ends_it,
    a_setup_session_reaches_nothing_but_setup,
    many_wrong_tokens_block_the_network,
}

async fn token(portal: &Portal) -> SecretText {
    portal.people().issue_setup_token(None).await.expect("issued").expect("there is no administrator yet")
}

async fn entered(t: &TestPortal) -> Session {
    let token = token(&t.portal).await;
    t.portal.people().enter_setup(&token, from("192.0.2.1")).await.expect("the token is right").session
}

/// Starts the setup and chooses the account; the setup then waits for its code.
async fn chosen(t: &TestPortal, email: &str) -> (Session, Seed) {
    let session = entered(t).await;
    let account = t.portal.people().choose_account(&session, email, text(PASSWORD), &text(PASSWORD)).await;
    account.expect("the account is accepted");
    let seed = t.portal.people().chosen_account(&session).await.expect("a seed").seed;
    (session, seed)
}

async fn administrators(t: &TestPortal) -> i64 {
    number(t.db(), "SELECT COUNT(*) FROM administrator").await
}

async fn the_first_run_makes_one_administrator_and_signs_in(t: &TestPortal) {
    token(&t.portal).await;
    assert_eq!(t.portal.people().setup_state().await.expect("a state"), SetupState::Open);
    let ada = t.administrator().await;
    assert_eq!(t.portal.people().setup_state().await.expect("a state"), SetupState::Done);
    assert_eq!((ada.session.stage, ada.session.email.as_str()), (Stage::Full, "ada@example.com"));
    assert!(is_alive(t, &ada.token).await);
    assert_eq!(ada.recovery_codes.len(), 10);
    t.portal.people().forget_recovery_codes(&ada.session).await.expect("forgotten");
    refused!(t.portal.people().recovery_codes(&ada.session).await, Error::NotFound);
    assert_eq!(administrators(t).await, 1);
    assert_eq!(logged(t, Action::Setup, Outcome::Done).await, 1);
}

async fn a_wrong_token_is_refused_and_recorded(t: &TestPortal) {
    token(&t.portal).await;
    refused!(
        t.portal.people().enter_setup(&text("wrong"), from("192.0.2.1")).await,
        Error::People(PeopleError::WrongSetupToken)
    );
    let events = log(t).await;
    let last = events.last().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::Setup, Outcome::Refused));
    assert_eq!((last.who.as_str(), last.address.as_str()), ("Not signed in", "192.0.2.1"));
}

async fn a_token_is_refused_after_sixty_minutes(t: &TestPortal) {
    let token = token(&t.portal).await;
    t.clock.advance(TimeDelta::minutes(60));
    assert_eq!(t.portal.people().setup_state().await.expect("a state"), SetupState::Expired);
    refused!(
        t.portal.people().enter_setup(&token, from("192.0.2.1")).await,
        Error::People(PeopleError::SetupTokenExpired)
    );
}

async fn a_token_is_worth_nothing_once_there_is_an_administrator(t: &TestPortal) {
    let token = token(&t.portal).await;
    t.administrator().await;
    refused!(
        t.portal.people().enter_setup(&token, from("192.0.2.1")).await,
        Error::People(PeopleError::AlreadySetUp)
    );
    assert!(t.portal.people().issue_setup_token(None).await.expect("no error").is_none());
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM setup_token").await, 0);
}

async fn a_restart_replaces_its_own_token_and_no_other_servers(t: &TestPortal) {
    let (mine, other) = (token(&t.portal).await, token(&t.second().await).await);
    let before = text(mine.expose());
    let new = t.portal.people().issue_setup_token(Some(before)).await.expect("issued").expect("a token");
    refused!(
        t.portal.people().enter_setup(&mine, from("192.0.2.1")).await,
        Error::People(PeopleError::WrongSetupToken)
    );
    for good in [new, other] {
        assert!(t.portal.people().enter_setup(&good, from("192.0.2.1")).await.is_ok());
    }
}

async fn two_setups_at_once_make_one_administrator(t: &TestPortal) {
    let second = t.second().await;
    let mut tasks = Vec::new();
    for (portal, email) in [(t.portal.clone(), "ada@example.com"), (second, "eve@example.com")] {
        let (session, seed) = chosen(t, email).await;
        let code = seed.code(t.clock.now());
        tasks.push(async move { portal.people().finish_setup(&session, &code).await });
    }
    let (done, refused): (Vec<_>, Vec<_>) = at_once(tasks).await.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), administrators(t).await), (1, 1));
    for one in refused {
        refused!(one, Error::People(PeopleError::AlreadySetUp));
    }
}

async fn setup_and_the_command_line_at_once_do_not_wait_for_each_other(t: &TestPortal) {
    for round in 0..3 {
        let (session, seed) = chosen(t, "ada@example.com").await;
        let (portal, code) = (t.portal.clone(), seed.code(t.clock.now()));
        let web = tokio::spawn(async move { portal.people().finish_setup(&session, &code).await.map(drop) });
        let email = "ada@example.com";
        let host =
            t.portal.administrators().create(email, text(PASSWORD), None, |_, _| Ok(())).await.map(drop);
        for done in [web.await.expect("a task ends"), host] {
            assert!(
                matches!(
                    done,
                    Ok(())
                        | Err(
                            Error::People(PeopleError::AlreadySetUp) | Error::People(PeopleError::EmailTaken)
                        )
                ),
                "{round}: {done:?}"
            );
        }
        for table in ["session_note", "recovery_code", "session", "spent_step", "administrator"] {
            execute(t.db(), &format!("DELETE FROM {table}")).await.expect("emptied");
        }
        t.next_code();
    }
}

async fn a_password_is_refused_in_words(t: &TestPortal) {
    let session = entered(t).await;
    let try_with = async |email: &str, one: &str, two: &str| {
        let done = t.portal.people().choose_account(&session, email, text(one), &text(two)).await;
        let problem = Problem::from(&done.expect_err("it is refused"));
        format!("{}: {}", problem.field.unwrap_or_default(), problem.message)
    };
    let email = "ada@example.com";
    let long = "é".repeat(600);
    for (email, password, again, says) in [
        ("ada", PASSWORD, PASSWORD, "email: Enter an e-mail address"),
        (email, "short", "short", "password: Use at least 12 characters"),
        (email, &long, &long, "password: Use at most 1,024 bytes"),
        (email, "my keystead portal", "", "password: Leave your e-mail address and the word Keystead out"),
        (email, "abababababababab", "", "password: This password is easy to guess"),
        (email, PASSWORD, "copper violet harbour tim", "password_again: The two passwords are not the same"),
    ] {
        let said = try_with(email, password, again).await;
        assert!(said.starts_with(says), "{password}: {said}");
    }
    refused!(t.portal.people().chosen_account(&session).await, Error::NotFound);
}

async fn a_wrong_code_keeps_setup_waiting_and_the_right_one_ends_it(t: &TestPortal) {
    let (session, seed) = chosen(t, "ada@example.com").await;
    refused!(
        t.portal.people().finish_setup(&session, &wrong_code(t, &seed)).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    assert_eq!(administrators(t).await, 0);
    let code = seed.code(t.clock.now());
    assert!(t.portal.people().finish_setup(&session, &code).await.is_ok());
    // The code that ended setup is spent: it does not sign in again.
    let again = half_way(&t.portal, "ada@example.com").await;
    refused!(
        t.portal.people().check_sign_in_code(&again, &code).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
}

async fn a_setup_session_reaches_nothing_but_setup(t: &TestPortal) {
    let session = entered(t).await;
    refused!(t.portal.people().profile(&session).await, Error::Changes(ChangesError::SignedOut));
    refused!(t.portal.people().profile(&session).await, Error::Changes(ChangesError::SignedOut));
    let kind = domain::scopes::scope::EnvironmentKind::Production;
    refused!(
        t.portal.scopes().add_environment(&session, "Production", "", kind).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(
        t.portal.people().check_sign_in_code(&session, &text("000000")).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(
        t.portal.people().check_recovery_code(&session, &text("x")).await,
        Error::Changes(ChangesError::SignedOut)
    );
}

async fn many_wrong_tokens_block_the_network(t: &TestPortal) {
    let good = token(&t.portal).await;
    // One IPv6 /64 is one network.
    for host in 0..40 {
        let tried =
            t.portal.people().enter_setup(&text("wrong"), from(&format!("2001:db8:1:2::{host:x}"))).await;
        refused!(tried, Error::People(PeopleError::WrongSetupToken));
    }
    refused!(
        t.portal.people().enter_setup(&good, from("2001:db8:1:2::ffff")).await,
        Error::Changes(ChangesError::Blocked { .. })
    );
    assert!(t.portal.people().enter_setup(&good, from("2001:db8:1:3::1")).await.is_ok());
    t.clock.advance(TimeDelta::minutes(1));
    assert!(t.portal.people().enter_setup(&good, from("2001:db8:1:2::1")).await.is_ok());
}
