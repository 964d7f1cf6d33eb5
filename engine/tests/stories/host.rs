//! The command line on the host: trusted, and usable beside a running server.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::keys::command::CreateKey;
use domain::keys::rotation::RotationPeriod;
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::changes::totp::Seed;
use engine::testing::{PASSWORD, TestPortal, from};
use engine::{Error, SetupState};

stories! {
    an_administrator_can_be_made_before_any_setup,
    a_given_seed_is_taken_as_it_is,
    an_e_mail_belongs_to_one_administrator,
    a_password_is_checked_here_too,
    a_new_password_ends_sessions_and_blocks,
    a_new_authenticator_ends_sessions_and_the_old_app,
    a_new_authenticator_opens_the_way_after_twenty_wrong_codes,
    an_unknown_administrator_is_not_found,
    recovery_codes_of_a_new_administrator_work,
    signing_somebody_out_ends_sessions_and_waiting_changes,
    a_disabled_administrator_is_out_at_once_and_answered_like_nobody,
    nothing_that_was_under_way_keeps_a_disabled_administrator_in,
    unblocking_ends_the_waiting,
}

const NEW: &str = "quiet marble lantern fox";
const BOB: &str = "bob@example.com";

async fn an_administrator_can_be_made_before_any_setup(t: &TestPortal) {
    let token = t.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    let bob = colleague(t, " Bob@Example.com ").await;
    assert_eq!(bob.session.email, BOB);
    assert_eq!(t.portal.people().setup_state().await.expect("a state"), SetupState::Done);
    refused!(
        t.portal.people().enter_setup(&token, from("192.0.2.1")).await,
        Error::People(PeopleError::AlreadySetUp)
    );
    let events = log(t).await;
    let made = events.iter().find(|event| event.action == Action::UserCreate).expect("an event");
    assert_eq!((made.who.as_str(), made.detail.as_str()), ("Command line", BOB));
}

async fn a_given_seed_is_taken_as_it_is(t: &TestPortal) {
    let given = || Seed::from_base32(&text("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")).expect("a seed");
    let (seed, _) = t
        .portal
        .administrators()
        .create(BOB, text(PASSWORD), Some(given()), |_, _| Ok(()))
        .await
        .expect("made");
    assert_eq!(seed.text(), given().text());
    sign_in(t, BOB, &given()).await;
}

async fn an_e_mail_belongs_to_one_administrator(t: &TestPortal) {
    let ada = t.administrator().await;
    let again = t.portal.administrators().create("ADA@example.com", text(NEW), None, |_, _| Ok(())).await;
    refused!(again, Error::People(PeopleError::EmailTaken));
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM administrator").await, 1);
    sign_in(t, &ada.email, &ada.seed).await;
}

async fn a_password_is_checked_here_too(t: &TestPortal) {
    refused!(
        t.portal.administrators().create(BOB, text("short"), None, |_, _| Ok(())).await,
        Error::People(PeopleError::Password(_))
    );
    refused!(
        t.portal.administrators().create("bob", text(PASSWORD), None, |_, _| Ok(())).await,
        Error::People(PeopleError::NotAnEmail)
    );
    let ada = t.administrator().await;
    refused!(
        t.portal.administrators().reset_password(&ada.email, text("short")).await,
        Error::People(PeopleError::Password(_))
    );
}

async fn a_new_password_ends_sessions_and_blocks(t: &TestPortal) {
    let ada = t.administrator().await;
    for _ in 0..5 {
        let _ = password(&t.portal, &ada.email, "not the password").await;
    }
    refused!(password(&t.portal, &ada.email, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    t.portal.administrators().reset_password("Ada@example.com", text(NEW)).await.expect("reset");
    assert!(!is_alive(t, &ada.token).await);
    refused!(password(&t.portal, &ada.email, PASSWORD).await, Error::People(PeopleError::WrongPassword));
    assert!(password(&t.portal, &ada.email, NEW).await.is_ok());
    assert_eq!(logged(t, Action::PasswordReset, Outcome::Done).await, 1);
}

async fn a_new_authenticator_ends_sessions_and_the_old_app(t: &TestPortal) {
    let ada = t.administrator().await;
    let seed = t.portal.administrators().reset_authenticator(&ada.email, |_| Ok(())).await.expect("reset");
    assert!(!is_alive(t, &ada.token).await);
    let half = half_way(&t.portal, &ada.email).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    sign_in(t, &ada.email, &seed).await;
    assert_eq!(logged(t, Action::AuthenticatorReset, Outcome::Done).await, 1);
}

async fn a_new_authenticator_opens_the_way_after_twenty_wrong_codes(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, &ada.email).await;
    for _ in 0..20 {
        let wrong = wrong_code(t, &ada.seed);
        refused!(
            t.portal.people().check_sign_in_code(&half, &wrong).await,
            Error::Changes(ChangesError::WrongCode { .. })
        );
        t.clock.advance(TimeDelta::minutes(15));
    }
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::CodesExhausted)
    );
    let seed = t.portal.administrators().reset_authenticator(&ada.email, |_| Ok(())).await.expect("reset");
    sign_in(t, &ada.email, &seed).await;
}

async fn an_unknown_administrator_is_not_found(t: &TestPortal) {
    refused!(t.portal.administrators().reset_password(BOB, text(NEW)).await, Error::NotFound);
    refused!(t.portal.administrators().reset_authenticator(BOB, |_| Ok(())).await, Error::NotFound);
}

async fn recovery_codes_of_a_new_administrator_work(t: &TestPortal) {
    let bob = colleague(t, BOB).await;
    assert_eq!(bob.recovery_codes.len(), 10);
    let half = half_way(&t.portal, BOB).await;
    assert!(t.portal.people().check_recovery_code(&half, &text(&bob.recovery_codes[9])).await.is_ok());
}

async fn signing_somebody_out_ends_sessions_and_waiting_changes(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let waiting = t.portal.changes().prepare(&ada.session, &plan).await.expect("it is prepared");
    t.portal.administrators().sign_out_everywhere(" Ada@example.com").await.expect("signed out");
    assert!(!is_alive(t, &ada.token).await);
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, waiting, &t.code(&ada)).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    refused!(t.portal.administrators().sign_out_everywhere("eve@example.com").await, Error::NotFound);
    assert_eq!(logged(t, Action::UserSignOut, Outcome::Done).await, 1);
    sign_in(t, &ada.email, &ada.seed).await;
}

async fn a_disabled_administrator_is_out_at_once_and_answered_like_nobody(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, BOB).await;
    let half = half_way(&t.portal, BOB).await;
    assert_eq!(t.portal.administrators().disable(BOB).await.expect("disabled"), 1, "Ada is left");
    assert!(!is_alive(t, &bob.token).await);
    assert!(is_alive(t, &ada.token).await);
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&bob)).await,
        Error::Changes(ChangesError::SignedOut)
    );
    t.next_code();
    refused!(password(&t.portal, BOB, PASSWORD).await, Error::People(PeopleError::WrongPassword));
    refused!(
        password(&t.portal, "nobody@example.com", PASSWORD).await,
        Error::People(PeopleError::WrongPassword)
    );
    assert_eq!(t.failures(BOB).await, t.failures("nobody@example.com").await, "and counted");
    let again = t.second().await;
    refused!(password(&again, BOB, PASSWORD).await, Error::People(PeopleError::WrongPassword));
    t.forgive(BOB).await;
    t.portal.administrators().enable(BOB).await.expect("enabled");
    sign_in(t, BOB, &bob.seed).await;
    assert_eq!(logged(t, Action::UserDisable, Outcome::Done).await, 1);
    assert_eq!(logged(t, Action::UserEnable, Outcome::Done).await, 1);
    assert_eq!(t.portal.administrators().disable(&ada.email).await.expect("disabled"), 1);
    assert_eq!(t.portal.administrators().disable(BOB).await.expect("disabled"), 0, "nobody is left");
}

async fn unblocking_ends_the_waiting(t: &TestPortal) {
    let ada = t.administrator().await;
    for _ in 0..5 {
        refused!(
            password(&t.portal, &ada.email, "wrong and long enough").await,
            Error::People(PeopleError::WrongPassword)
        );
    }
    refused!(password(&t.portal, &ada.email, PASSWORD).await, Error::Changes(ChangesError::Blocked { .. }));
    t.portal.administrators().unblock("ada@example.com").await.expect("unblocked");
    sign_in(t, &ada.email, &ada.seed).await;
    assert_eq!(logged(t, Action::UserUnblock, Outcome::Done).await, 1);
    refused!(t.portal.administrators().unblock("eve@example.com").await, Error::NotFound);
}

/// Requests whose session was read just before the administrator was disabled.
async fn nothing_that_was_under_way_keeps_a_disabled_administrator_in(t: &TestPortal) {
    t.administrator().await;
    let bob = colleague(t, BOB).await;
    let again = text(NEW);
    let command = t
        .portal
        .people()
        .plan_password(&bob.session, text(PASSWORD), text(NEW), &again)
        .await
        .expect("planned");
    let change = proof(t, &bob, &command).await;
    let half = half_way(&t.portal, BOB).await;
    let recovering = half_way(&t.portal, BOB).await;
    t.portal.administrators().disable(BOB).await.expect("disabled");
    refused!(
        t.portal.people().change_password(change, &bob.session).await,
        Error::Changes(ChangesError::SignedOut)
    );
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&bob)).await,
        Error::Changes(ChangesError::SignedOut)
    );
    let code = text(&bob.recovery_codes[0]);
    refused!(
        t.portal.people().check_recovery_code(&recovering, &code).await,
        Error::Changes(ChangesError::SignedOut)
    );
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM recovery_code WHERE used_at IS NOT NULL").await, 0);
}
