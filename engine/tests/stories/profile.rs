//! Administrators' changes to their own accounts.

use crate::support::*;
use domain::audit::event::{Action, Outcome};
use domain::people::command::{ChangePassword, ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::people::password::PasswordRefused;
use engine::base::error::ChangesError;
use engine::base::error::PeopleError;
use engine::testing::{PASSWORD, Person, TestPortal};
use engine::{Error, SecretText};

stories! {
    the_profile_shows_this_and_other_sessions,
    a_new_password_needs_the_current_one,
    guessing_the_current_password_is_blocked,
    a_new_password_ends_every_other_session,
    a_prepared_password_is_kept_as_a_hash,
    a_new_authenticator_needs_a_code_of_the_old_one,
    the_old_authenticator_works_until_the_new_one_is_proved,
    new_recovery_codes_replace_all_old_ones,
}

const NEW: &str = "quiet marble lantern fox";

async fn plan(t: &TestPortal, who: &Person, current: &str, new: &str) -> Result<ChangePassword, Error> {
    t.portal.people().plan_password(&who.session, text(current), text(new), &SecretText::new(new)).await
}

async fn the_profile_shows_this_and_other_sessions(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = sign_in(t, &ada.email, &ada.seed).await.session;
    colleague(t, "bob@example.com").await;
    half_way(&t.portal, &ada.email).await;
    let profile = t.portal.people().profile(&ada.session).await.expect("a profile");
    assert_eq!((profile.email.as_str(), profile.recovery_codes_left), ("ada@example.com", 10));
    let rows: Vec<_> = profile.sessions.iter().map(|row| (row.id, row.is_this)).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.contains(&(ada.session.id, true)) && rows.contains(&(other.id, false)));
}

async fn a_new_password_needs_the_current_one(t: &TestPortal) {
    let ada = t.administrator().await;
    refused!(plan(t, &ada, "not the password", NEW).await, Error::People(PeopleError::WrongCurrentPassword));
    let events = log(t).await;
    let last = events.last().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::PasswordChange, Outcome::Refused));
    let short = plan(t, &ada, PASSWORD, "short").await;
    refused!(short, Error::People(PeopleError::Password(PasswordRefused::TooShort)));
}

async fn guessing_the_current_password_is_blocked(t: &TestPortal) {
    let ada = t.administrator().await;
    for _ in 0..5 {
        refused!(
            plan(t, &ada, "not the password", NEW).await,
            Error::People(PeopleError::WrongCurrentPassword)
        );
    }
    refused!(plan(t, &ada, PASSWORD, NEW).await, Error::Changes(ChangesError::Blocked { .. }));
    // Signing in has another counter.
    assert!(password(&t.portal, &ada.email, PASSWORD).await.is_ok());
}

async fn a_new_password_ends_every_other_session(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = sign_in(t, &ada.email, &ada.seed).await;
    let command = plan(t, &ada, PASSWORD, NEW).await.expect("a plan");
    let proof = proof(t, &ada, &command).await;
    let new = t.portal.people().change_password(proof, &ada.session).await.expect("changed");
    assert!(is_alive(t, &new.token).await);
    assert!(!is_alive(t, &ada.token).await && !is_alive(t, &other.token).await);
    refused!(password(&t.portal, &ada.email, PASSWORD).await, Error::People(PeopleError::WrongPassword));
    assert!(password(&t.portal, &ada.email, NEW).await.is_ok());
    assert_eq!(logged(t, Action::PasswordChange, Outcome::Done).await, 1);
}

async fn a_prepared_password_is_kept_as_a_hash(t: &TestPortal) {
    let ada = t.administrator().await;
    let command = plan(t, &ada, PASSWORD, NEW).await.expect("a plan");
    assert!(command.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let id = t.portal.changes().prepare(&ada.session, &command).await.expect("prepared");
    let waiting = t.portal.prepared::<ChangePassword>(&ada.session, id).await.expect("it waits");
    assert!(waiting.command == command);
}

async fn a_new_authenticator_needs_a_code_of_the_old_one(t: &TestPortal) {
    let ada = t.administrator().await;
    refused!(t.portal.people().enrolment(&ada.session).await, Error::NotFound);
    refused!(t.portal.people().finish_enrolment(&ada.session, &t.code(&ada)).await, Error::NotFound);
    let user = ada.session.user().expect("an administrator");
    let proof = proof(t, &ada, &ReplaceAuthenticator { user }).await;
    t.portal.people().replace_authenticator(proof, &ada.session).await.expect("begun");
    let seed = t.portal.people().enrolment(&ada.session).await.expect("a seed").seed;
    let new =
        t.portal.people().finish_enrolment(&ada.session, &seed.code(t.clock.now())).await.expect("proved");
    assert!(is_alive(t, &new.token).await && !is_alive(t, &ada.token).await);
    t.next_code();
    sign_in(t, &ada.email, &seed).await;
}

async fn the_old_authenticator_works_until_the_new_one_is_proved(t: &TestPortal) {
    let ada = t.administrator().await;
    let user = ada.session.user().expect("an administrator");
    let proof = proof(t, &ada, &ReplaceAuthenticator { user }).await;
    t.portal.people().replace_authenticator(proof, &ada.session).await.expect("begun");
    sign_in(t, &ada.email, &ada.seed).await;
    t.clock.advance(chrono::TimeDelta::minutes(15));
    refused!(t.portal.people().enrolment(&ada.session).await, Error::NotFound);
}

async fn new_recovery_codes_replace_all_old_ones(t: &TestPortal) {
    let ada = t.administrator().await;
    let user = ada.session.user().expect("an administrator");
    let proof = proof(t, &ada, &ReplaceRecoveryCodes { user }).await;
    t.portal.people().replace_recovery_codes(proof, &ada.session).await.expect("replaced");
    let new = t.portal.people().recovery_codes(&ada.session).await.expect("codes");
    assert_eq!(new.len(), 10);
    assert!(new.iter().all(|code| !ada.recovery_codes.contains(code)));
    let half = half_way(&t.portal, &ada.email).await;
    let old = t.portal.people().check_recovery_code(&half, &text(&ada.recovery_codes[0])).await;
    refused!(old, Error::Changes(ChangesError::WrongRecoveryCode));
    assert!(t.portal.people().check_recovery_code(&half, &text(&new[0])).await.is_ok());
}
