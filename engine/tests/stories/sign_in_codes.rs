//! Verification codes and recovery codes: each works once.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::testing::{Person, TestPortal};
use engine::{Error, NewSession, SecretText, Session, Stage};

stories! {
    a_code_signs_in_once_wherever_it_is_tried_again,
    the_previous_code_is_good_until_a_newer_one_was_used,
    the_next_code_is_good_and_ends_those_before_it,
    the_wait_for_the_next_code_is_true,
    a_code_of_another_time_is_refused_with_a_word_about_the_clock,
    a_code_of_the_future_is_spent_on_being_named_and_blocks_only_itself,
    one_session_and_code_tried_ten_times_at_once_sign_in_once,
    a_wrong_code_is_counted_and_recorded,
    wrong_passwords_and_wrong_codes_share_one_counter,
    twenty_wrong_codes_leave_only_a_recovery_code,
    a_recovery_code_works_once,
    one_recovery_code_tried_ten_times_at_once_works_once,
    a_recovery_code_leads_to_a_new_authenticator_and_nowhere_else,
    a_new_authenticator_ends_every_other_session_and_the_old_app,
    one_code_ends_an_enrolment_once,
}

const ADA: &str = "ada@example.com";

async fn code(t: &TestPortal, session: &Session, code: &str) -> Result<NewSession, Error> {
    t.portal.people().check_sign_in_code(session, &text(code)).await
}

async fn a_code_signs_in_once_wherever_it_is_tried_again(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    let used = t.code(&ada);
    code(t, &half_way(&t.portal, ADA).await, used.expose()).await.expect("the first time");
    let again = half_way(&t.portal, ADA).await;
    let used = used.expose();
    for variant in [used, &format!(" {used}"), &format!("{used} "), &format!("{} {}", &used[..3], &used[3..])]
    {
        refused!(code(t, &again, variant).await, Error::Changes(ChangesError::WrongCode { .. }));
    }
    let elsewhere = half_way(&second, ADA).await;
    refused!(
        second.people().check_sign_in_code(&elsewhere, &text(used)).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
}

async fn the_previous_code_is_good_until_a_newer_one_was_used(t: &TestPortal) {
    let ada = t.administrator().await;
    let previous = t.code(&ada);
    t.next_code();
    code(t, &half_way(&t.portal, ADA).await, previous.expose()).await.expect("30 seconds old");
    let skipped = t.code(&ada);
    t.next_code();
    let newer = t.code(&ada);
    code(t, &half_way(&t.portal, ADA).await, newer.expose()).await.expect("the code of now");
    let late = half_way(&t.portal, ADA).await;
    refused!(code(t, &late, skipped.expose()).await, Error::Changes(ChangesError::WrongCode { .. }));
}

/// Returns the code of a time before or after now.
fn code_at(t: &TestPortal, ada: &Person, seconds: i64) -> SecretText {
    ada.seed.code(t.clock.now() + TimeDelta::seconds(seconds))
}

async fn the_next_code_is_good_and_ends_those_before_it(t: &TestPortal) {
    let ada = t.administrator().await;
    let (now, next) = (t.code(&ada), code_at(t, &ada, 30));
    code(t, &half_way(&t.portal, ADA).await, next.expose()).await.expect("the clock of the phone is ahead");
    let half = half_way(&t.portal, ADA).await;
    for spent in [&next, &now] {
        refused!(code(t, &half, spent.expose()).await, Error::Changes(ChangesError::WrongCode { .. }));
    }
    t.next_code();
    refused!(code(t, &half, next.expose()).await, Error::Changes(ChangesError::WrongCode { .. }));
    let after_it = code_at(t, &ada, 30);
    code(t, &half, after_it.expose()).await.expect("the phone shows it, still ahead");
}

async fn the_wait_for_the_next_code_is_true(t: &TestPortal) {
    let ada = t.administrator().await;
    t.clock.advance(TimeDelta::seconds(18));
    let now = t.code(&ada);
    code(t, &half_way(&t.portal, ADA).await, now.expose()).await.expect("the code of now");
    let half = half_way(&t.portal, ADA).await;
    let waits = |error| match error {
        Error::Changes(ChangesError::WrongCode { next_in_seconds }) => next_in_seconds,
        other => panic!("{other}"),
    };
    let wait = waits(code(t, &half, now.expose()).await.map(drop).expect_err("used"));
    assert_eq!(wait, 12);
    let next = code_at(t, &ada, 30);
    code(t, &half, next.expose()).await.expect("the code of the next step");
    let half = half_way(&t.portal, ADA).await;
    let wait = waits(code(t, &half, next.expose()).await.map(drop).expect_err("used"));
    assert_eq!(wait, 42, "the step of the next code is spent, too");
    t.clock.advance(TimeDelta::seconds(wait));
    code(t, &half, t.code(&ada).expose()).await.expect("what the page said");
}

async fn a_code_of_another_time_is_refused_with_a_word_about_the_clock(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    for (number, seconds) in [(1, -300), (2, -60), (3, 60), (4, 300)] {
        let other = code(t, &half, code_at(t, &ada, seconds).expose()).await.map(drop);
        refused!(other, Error::Changes(ChangesError::CodeOfAnotherTime));
        assert_eq!(number_of_wrong_codes(t).await, number, "it counts as a wrong one");
        assert_eq!(log(t).await.last().expect("an event").detail, "verification code of another time");
    }
    t.portal.administrators().unblock(ADA).await.expect("unblocked");
    for seconds in [-330, 330] {
        let other = code(t, &half, code_at(t, &ada, seconds).expose()).await.map(drop);
        refused!(other, Error::Changes(ChangesError::WrongCode { .. }));
    }
}

async fn number_of_wrong_codes(t: &TestPortal) -> i64 {
    number(t.db(), "SELECT MAX(wrong_codes) FROM throttle").await
}

async fn a_code_of_the_future_is_spent_on_being_named_and_blocks_only_itself(t: &TestPortal) {
    let ada = t.administrator().await;
    let named = code_at(t, &ada, 60);
    let half = half_way(&t.portal, ADA).await;
    let said = code(t, &half, named.expose()).await.map(drop);
    refused!(said, Error::Changes(ChangesError::CodeOfAnotherTime));
    // The person has set the clock of the phone.
    t.next_code();
    let half = half_way(&t.portal, ADA).await;
    code(t, &half, t.code(&ada).expose()).await.expect("the step before the one that was named");
    t.next_code();
    // A guesser has learnt nothing: the code of this step is spent.
    let half = half_way(&t.portal, ADA).await;
    refused!(code(t, &half, named.expose()).await, Error::Changes(ChangesError::WrongCode { .. }));
    t.next_code();
    code(t, &half, t.code(&ada).expose()).await.expect("the step after it");
}

async fn one_session_and_code_tried_ten_times_at_once_sign_in_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    let tasks = (0..10).map(|_| {
        let (portal, session, code) = (t.portal.clone(), half.clone(), t.code(&ada));
        async move { portal.people().check_sign_in_code(&session, &code).await.is_ok() }
    });
    assert_eq!(at_once(tasks).await.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(logged(t, Action::SignIn, Outcome::Done).await, 1);
}

async fn a_wrong_code_is_counted_and_recorded(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    let wrong = wrong_code(t, &ada.seed);
    refused!(
        t.portal.people().check_sign_in_code(&half, &wrong).await,
        Error::Changes(ChangesError::WrongCode { next_in_seconds: 30 })
    );
    assert_eq!(number(t.db(), "SELECT MAX(wrong_codes) FROM throttle").await, 1);
    let events = log(t).await;
    let last = events.last().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::SignIn, Outcome::Refused));
    assert_eq!((last.who.as_str(), last.detail.as_str()), (ADA, "wrong verification code"));
}

async fn wrong_passwords_and_wrong_codes_share_one_counter(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    for _ in 0..3 {
        refused!(
            password(&t.portal, ADA, "not the password").await,
            Error::People(PeopleError::WrongPassword)
        );
    }
    for _ in 0..2 {
        let wrong = wrong_code(t, &ada.seed);
        refused!(
            t.portal.people().check_sign_in_code(&half, &wrong).await,
            Error::Changes(ChangesError::WrongCode { .. })
        );
    }
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::Blocked { .. })
    );
    refused!(
        password(&t.portal, ADA, "not the password").await,
        Error::Changes(ChangesError::Blocked { .. })
    );
}

async fn twenty_wrong_codes_leave_only_a_recovery_code(t: &TestPortal) {
    let ada = t.administrator().await;
    for _ in 0..20 {
        let half = half_way(&t.portal, ADA).await;
        let wrong = wrong_code(t, &ada.seed);
        refused!(
            t.portal.people().check_sign_in_code(&half, &wrong).await,
            Error::Changes(ChangesError::WrongCode { .. })
        );
        t.clock.advance(TimeDelta::minutes(16));
    }
    let half = half_way(&t.portal, ADA).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::CodesExhausted)
    );
    t.clock.advance(TimeDelta::days(2));
    t.portal.sweep().await.expect("swept");
    let half = half_way(&t.portal, ADA).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::CodesExhausted)
    );
    let enrolling = recovering(t, &ada, 0).await.expect("a recovery code helps").session;
    let seed = t.portal.people().enrolment(&enrolling).await.expect("a seed").seed;
    t.portal
        .people()
        .finish_enrolment(&enrolling, &seed.code(t.clock.now()))
        .await
        .expect("the app is proved");
    t.next_code();
    sign_in(t, ADA, &seed).await;
}

async fn a_recovery_code_works_once(t: &TestPortal) {
    let ada = t.administrator().await;
    recovering(t, &ada, 3).await.expect("the first time");
    refused!(recovering(t, &ada, 3).await, Error::Changes(ChangesError::WrongRecoveryCode));
    assert!(recovering(t, &ada, 4).await.is_ok(), "the others still work");
    assert_eq!(logged(t, Action::SignInRecovery, Outcome::Done).await, 2);
    assert_eq!(logged(t, Action::SignInRecovery, Outcome::Refused).await, 1);
    assert_eq!(t.portal.people().profile(&ada.session).await.expect("a profile").recovery_codes_left, 8);
}

async fn one_recovery_code_tried_ten_times_at_once_works_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    let tasks = (0..10).map(|_| {
        let (portal, session, code) = (t.portal.clone(), half.clone(), text(&ada.recovery_codes[0]));
        async move { portal.people().check_recovery_code(&session, &code).await.is_ok() }
    });
    assert_eq!(at_once(tasks).await.into_iter().filter(|done| *done).count(), 1);
}

async fn a_recovery_code_leads_to_a_new_authenticator_and_nowhere_else(t: &TestPortal) {
    let ada = t.administrator().await;
    let session = recovering(t, &ada, 0).await.expect("the code is right").session;
    assert_eq!(session.stage, Stage::Enrolment);
    let kind = domain::scopes::scope::EnvironmentKind::Production;
    refused!(
        t.portal.scopes().add_environment(&session, "Production", "", kind).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(t.portal.people().profile(&session).await, Error::Changes(ChangesError::SignedOut));
    refused!(t.portal.people().profile(&session).await, Error::Changes(ChangesError::SignedOut));
    refused!(
        t.portal.people().check_sign_in_code(&session, &t.code(&ada)).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(
        t.portal.people().check_recovery_code(&session, &text(&ada.recovery_codes[1])).await,
        Error::Changes(ChangesError::SignedOut)
    );
    // The old app does not prove the new one.
    refused!(
        t.portal.people().finish_enrolment(&session, &t.code(&ada)).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
}

async fn a_new_authenticator_ends_every_other_session_and_the_old_app(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = sign_in(t, ADA, &ada.seed).await;
    let enrolling = recovering(t, &ada, 0).await.expect("the code is right");
    let enrolment = t.portal.people().enrolment(&enrolling.session).await.expect("a seed");
    assert_eq!(enrolment.account(), "ada@example.com (2)");
    let seed = enrolment.seed;
    let code = seed.code(t.clock.now());
    let new = t.portal.people().finish_enrolment(&enrolling.session, &code).await.expect("the app is proved");
    for dead in [&ada.token, &other.token, &enrolling.token] {
        assert!(!is_alive(t, dead).await);
    }
    assert!(is_alive(t, &new.token).await);
    let half = half_way(&t.portal, ADA).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &code).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    t.next_code();
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    sign_in(t, ADA, &seed).await;
}

async fn one_code_ends_an_enrolment_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let enrolling = recovering(t, &ada, 0).await.expect("the code is right").session;
    let seed = t.portal.people().enrolment(&enrolling).await.expect("a seed").seed;
    let tasks = (0..4).map(|_| {
        let (portal, session, code) = (t.portal.clone(), enrolling.clone(), seed.code(t.clock.now()));
        async move { portal.people().finish_enrolment(&session, &code).await.is_ok() }
    });
    assert_eq!(at_once(tasks).await.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(logged(t, Action::AuthenticatorReplace, Outcome::Done).await, 1);
}
