//! Signing in: who is admitted, who is refused, and how guessing is blocked.

use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, Outcome};
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::testing::{PASSWORD, TestPortal};
use engine::{Error, Stage};

stories! {
    password_and_code_sign_in,
    unknown_and_known_names_get_the_same_answer,
    a_wrong_password_is_counted_and_recorded,
    five_failures_block_a_name_and_say_for_how_long,
    after_the_block_the_right_password_and_code_come_in,
    an_unknown_name_is_blocked_like_a_known_one,
    a_restart_keeps_the_block,
    variants_of_a_name_share_one_counter,
    many_guesses_at_once_get_no_more_than_five_tries,
    the_password_alone_reaches_nothing,
    a_password_in_the_name_field_is_not_written_down,
    a_password_is_compared_as_it_was_typed,
    long_passwords_count_to_their_end,
}

const ADA: &str = "ada@example.com";

async fn fail(t: &TestPortal, name: &str, times: usize) {
    for _ in 0..times {
        refused!(
            password(&t.portal, name, "not the password").await,
            Error::People(PeopleError::WrongPassword)
        );
    }
}

fn problem<T>(result: Result<T, Error>) -> Problem {
    Problem::from(&result.err().expect("it is refused"))
}

async fn password_and_code_sign_in(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    assert_eq!(half.session.stage, Stage::Password);
    let full =
        t.portal.people().check_sign_in_code(&half.session, &t.code(&ada)).await.expect("the code is right");
    assert_eq!((full.session.stage, full.session.email.as_str()), (Stage::Full, ADA));
    assert_eq!(logged(t, Action::SignIn, Outcome::Done).await, 1);
}

async fn unknown_and_known_names_get_the_same_answer(t: &TestPortal) {
    t.administrator().await;
    let known = problem(password(&t.portal, ADA, "not the password").await);
    let unknown = problem(password(&t.portal, "nobody@example.com", "not the password").await);
    assert_eq!(known, unknown);
    assert_eq!(known.message, "E-mail or password is wrong.");
}

async fn a_wrong_password_is_counted_and_recorded(t: &TestPortal) {
    t.administrator().await;
    let failures = "SELECT COALESCE(MAX(failures), 0) FROM throttle";
    assert_eq!(number(t.db(), failures).await, 0);
    fail(t, ADA, 1).await;
    assert_eq!(number(t.db(), failures).await, 1);
    half_way(&t.portal, ADA).await;
    assert_eq!(number(t.db(), failures).await, 1, "the password alone clears nothing");
    let events = log(t).await;
    let last = events.last().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::SignIn, Outcome::Refused));
    assert_eq!((last.who.as_str(), last.detail.as_str()), (ADA, "wrong password"));
}

async fn five_failures_block_a_name_and_say_for_how_long(t: &TestPortal) {
    t.administrator().await;
    fail(t, ADA, 5).await;
    let refused = problem(password(&t.portal, ADA, PASSWORD).await);
    assert_eq!(refused.message, "Too many tries. Try again in 1 min.");
    t.clock.advance(TimeDelta::minutes(1));
    fail(t, ADA, 1).await;
    let refused = problem(password(&t.portal, ADA, PASSWORD).await);
    assert_eq!(refused.message, "Too many tries. Try again in 2 min.");
}

async fn after_the_block_the_right_password_and_code_come_in(t: &TestPortal) {
    let ada = t.administrator().await;
    fail(t, ADA, 5).await;
    t.clock.advance(TimeDelta::seconds(59));
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    t.clock.advance(TimeDelta::seconds(1));
    sign_in(t, ADA, &ada.seed).await;
    // The success reset the counter.
    fail(t, ADA, 4).await;
    sign_in(t, ADA, &ada.seed).await;
}

async fn an_unknown_name_is_blocked_like_a_known_one(t: &TestPortal) {
    t.administrator().await;
    fail(t, "nobody@example.com", 5).await;
    fail(t, ADA, 5).await;
    let unknown = problem(password(&t.portal, "nobody@example.com", PASSWORD).await);
    assert_eq!(unknown, problem(password(&t.portal, ADA, PASSWORD).await));
}

async fn a_restart_keeps_the_block(t: &TestPortal) {
    t.administrator().await;
    fail(t, ADA, 5).await;
    let restarted = t.second().await;
    refused!(password(&restarted, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
}

async fn variants_of_a_name_share_one_counter(t: &TestPortal) {
    t.administrator().await;
    for variant in ["Ada@Example.com", " ada@example.com ", "ａｄａ@example.com", "ADA@EXAMPLE.COM\t", ADA]
    {
        fail(t, variant, 1).await;
    }
    refused!(password(&t.portal, ADA, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    refused!(
        password(&t.portal, "ＡＤＡ@example.com", PASSWORD).await,
        Error::Changes(ChangesError::Blocked { .. })
    );
}

async fn many_guesses_at_once_get_no_more_than_five_tries(t: &TestPortal) {
    t.administrator().await;
    let second = t.second().await;
    let tasks = (0..20).map(|guess| {
        let portal = if guess % 2 == 0 { t.portal.clone() } else { second.clone() };
        async move { password(&portal, ADA, "not the password").await.err() }
    });
    let answers = at_once(tasks).await;
    let compared = answers
        .iter()
        .filter(|answer| matches!(answer, Some(Error::People(PeopleError::WrongPassword))))
        .count();
    let blocked = answers
        .iter()
        .filter(|answer| matches!(answer, Some(Error::Changes(ChangesError::Blocked { .. }))))
        .count();
    assert_eq!((compared, blocked), (5, 15));
}

async fn the_password_alone_reaches_nothing(t: &TestPortal) {
    let ada = t.administrator().await;
    let scope = scope(t, &ada, "DE").await;
    let half = half_way(&t.portal, ADA).await;
    let new = domain::keys::rotation::RotationPeriod::Days30;
    refused!(t.portal.keys().plan_create(&half, &scope, new).await, Error::Changes(ChangesError::SignedOut));
    refused!(
        t.portal.scopes().rename_environment(&half, &slug("production"), "X").await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(t.portal.people().profile(&half).await, Error::Changes(ChangesError::SignedOut));
    refused!(t.portal.people().recovery_codes(&half).await, Error::Changes(ChangesError::SignedOut));
    refused!(t.portal.people().enrolment(&half).await, Error::Changes(ChangesError::SignedOut));
    refused!(
        t.portal.people().finish_enrolment(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::SignedOut)
    );
    let (current, new) = (text(PASSWORD), text("quiet marble lantern fox"));
    let planned =
        t.portal.people().plan_password(&half, current, new, &text("quiet marble lantern fox")).await;
    refused!(planned, Error::Changes(ChangesError::SignedOut));
    let command =
        domain::people::command::ReplaceRecoveryCodes { user: ada.session.user().expect("an administrator") };
    refused!(t.portal.changes().prepare(&half, &command).await, Error::Changes(ChangesError::SignedOut));
}

async fn a_password_in_the_name_field_is_not_written_down(t: &TestPortal) {
    t.administrator().await;
    fail(t, "my secret is violets", 1).await;
    let everything = format!("{:?}", log(t).await);
    assert!(everything.contains("unknown e-mail") && !everything.contains("violets"));
}

async fn a_password_is_compared_as_it_was_typed(t: &TestPortal) {
    let ada = t.administrator().await;
    for near in [
        PASSWORD.to_uppercase(),
        format!("{}{}", PASSWORD[..1].to_uppercase(), &PASSWORD[1..]),
        format!(" {PASSWORD}"),
        format!("{PASSWORD} "),
        PASSWORD.replace(' ', ""),
        PASSWORD.replace(' ', "  "),
        PASSWORD[..PASSWORD.len() - 1].to_owned(),
        format!("{PASSWORD}."),
    ] {
        refused!(password(&t.portal, &ada.email, &near).await, Error::People(PeopleError::WrongPassword));
        t.forgive(&ada.email).await;
    }
    password(&t.portal, &ada.email, PASSWORD).await.expect("as it was typed");
}

async fn long_passwords_count_to_their_end(t: &TestPortal) {
    for (number, length) in [64, 128, 1024].into_iter().enumerate() {
        let email = format!("long{number}@example.com");
        let long: String =
            "seven quiet otters paint bridges over the wide river; ".chars().cycle().take(length).collect();
        t.portal
            .administrators()
            .create(&email, text(&long), None, |_, _| Ok(()))
            .await
            .expect("a long password is taken");
        refused!(
            password(&t.portal, &email, &long[..length - 1]).await,
            Error::People(PeopleError::WrongPassword)
        );
        password(&t.portal, &email, &long).await.expect("every letter counts");
    }
}
