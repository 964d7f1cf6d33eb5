//! Changes: prepared, reviewed, confirmed.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::base::id::ChangeId;
use domain::keys::command::{CreateKey, RotateKey};
use domain::keys::rotation::RotationPeriod;
use domain::people::command::{ChangePassword, ReplaceAuthenticator, ReplaceRecoveryCodes};
use engine::Error;
use engine::base::error::ChangesError;
use engine::base::error::KeysError;
use engine::base::error::VaultError;
use engine::testing::{Person, TestPortal};

stories! {
    what_was_prepared_is_what_is_confirmed,
    a_change_belongs_to_its_session_and_its_person,
    nobody_prepares_a_change_of_somebody_elses_account,
    a_change_ends_with_its_session,
    a_change_expires_after_five_minutes,
    a_change_is_spent_once,
    the_latest_fifty_changes_wait,
    a_wrong_code_keeps_a_change_waiting,
    a_code_stays_spent_when_the_command_is_refused,
    a_code_that_signed_in_confirms_nothing,
    a_change_of_one_kind_is_none_of_another,
    fifty_changes_at_once_with_one_code_confirm_one,
    two_codes_at_once_confirm_a_change_once,
}

/// Prepares "Add encryption key" for a scope without a key; the change waits for its code.
async fn waiting(t: &TestPortal, who: &Person) -> (CreateKey, ChangeId) {
    let scope = scope(t, who, "DE").await;
    let new = RotationPeriod::Days60;
    let command = t.portal.keys().plan_create(&who.session, &scope, new).await.expect("a plan");
    let id = t.portal.changes().prepare(&who.session, &command).await.expect("prepared");
    (command, id)
}

async fn what_was_prepared_is_what_is_confirmed(t: &TestPortal) {
    let ada = t.administrator().await;
    let (command, id) = waiting(t, &ada).await;
    let shown = t.portal.prepared::<CreateKey>(&ada.session, id).await.expect("it waits");
    assert_eq!(shown.command, command);
    assert_eq!(shown.expires_at, t.clock.now() + TimeDelta::minutes(5));
    let proof = t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await.expect("confirmed");
    assert_eq!(*proof.command(), command);
    assert_eq!((proof.by().name(), proof.at()), ("ada@example.com", t.clock.now()));
}

async fn a_change_belongs_to_its_session_and_its_person(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let other = sign_in(t, &ada.email, &ada.seed).await.session;
    let (_, id) = waiting(t, &ada).await;
    for (session, code) in [(&bob.session, t.code(&bob)), (&other, t.code(&ada))] {
        refused!(t.portal.prepared::<CreateKey>(session, id).await, Error::Changes(ChangesError::ChangeGone));
        refused!(
            t.portal.proof::<CreateKey>(session, id, &code).await,
            Error::Changes(ChangesError::ChangeGone)
        );
    }
    assert!(t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await.is_ok());
}

async fn nobody_prepares_a_change_of_somebody_elses_account(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let user = ada.session.user().expect("an administrator");
    refused!(t.portal.changes().prepare(&bob.session, &ReplaceAuthenticator { user }).await, Error::NotFound);
    refused!(t.portal.changes().prepare(&bob.session, &ReplaceRecoveryCodes { user }).await, Error::NotFound);
    let password_hash = String::new();
    refused!(
        t.portal.changes().prepare(&bob.session, &ChangePassword { user, password_hash }).await,
        Error::NotFound
    );
    assert!(t.portal.changes().prepare(&ada.session, &ReplaceAuthenticator { user }).await.is_ok());
}

async fn a_change_ends_with_its_session(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, id) = waiting(t, &ada).await;
    t.portal.people().sign_out(&ada.session).await.expect("signed out");
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM prepared_change").await, 0);
}

async fn a_change_expires_after_five_minutes(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, id) = waiting(t, &ada).await;
    t.clock.advance(TimeDelta::seconds(299));
    assert!(t.portal.prepared::<CreateKey>(&ada.session, id).await.is_ok());
    t.clock.advance(TimeDelta::seconds(1));
    refused!(
        t.portal.prepared::<CreateKey>(&ada.session, id).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await,
        Error::Changes(ChangesError::ChangeGone)
    );
}

async fn a_change_is_spent_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, id) = waiting(t, &ada).await;
    let _spent = t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await.expect("confirmed");
    t.next_code();
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    refused!(
        t.portal.prepared::<CreateKey>(&ada.session, id).await,
        Error::Changes(ChangesError::ChangeGone)
    );
}

async fn a_wrong_code_keeps_a_change_waiting(t: &TestPortal) {
    let ada = t.administrator().await;
    let (command, id) = waiting(t, &ada).await;
    let wrong = wrong_code(t, &ada.seed);
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, id, &wrong).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    let events = log(t).await;
    let last = events.last().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::KeyCreate, Outcome::Refused));
    assert_eq!((last.place.as_str(), last.detail.as_str()), ("production/DE", "wrong verification code"));
    let proof = t.portal.proof::<CreateKey>(&ada.session, id, &t.code(&ada)).await.expect("it waits");
    assert_eq!(*proof.command(), command);
}

async fn a_code_stays_spent_when_the_command_is_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, first) = waiting(t, &ada).await;
    let scope = domain::scopes::scope::ScopeName {
        environment: slug("production"),
        country: domain::scopes::scope::Country::from_code("DE").expect("a country"),
    };
    create(t, &ada, &scope, RotationPeriod::Days30).await;
    let code = t.code(&ada);
    let proof = t.portal.proof::<CreateKey>(&ada.session, first, &code).await.expect("confirmed");
    refused!(t.portal.keys().create(proof).await, Error::Keys(KeysError::Limit { .. }));
    let id = t
        .portal
        .changes()
        .prepare(
            &ada.session,
            &domain::people::command::ReplaceRecoveryCodes { user: ada.session.user().expect("her") },
        )
        .await
        .expect("prepared");
    let again =
        t.portal.proof::<domain::people::command::ReplaceRecoveryCodes>(&ada.session, id, &code).await;
    refused!(again, Error::Changes(ChangesError::WrongCode { .. }));
}

async fn a_code_that_signed_in_confirms_nothing(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, id) = waiting(t, &ada).await;
    let code = t.code(&ada);
    let half = half_way(&t.portal, &ada.email).await;
    t.portal.people().check_sign_in_code(&half, &code).await.expect("signed in");
    refused!(
        t.portal.proof::<CreateKey>(&ada.session, id, &code).await,
        Error::Changes(ChangesError::WrongCode { .. })
    );
    assert_eq!(log(t).await.last().expect("an event").detail, "verification code used before");
}

async fn a_change_of_one_kind_is_none_of_another(t: &TestPortal) {
    let ada = t.administrator().await;
    let (_, id) = waiting(t, &ada).await;
    // A CreateKey and a RotateKey have the same serialised form.
    refused!(
        t.portal.prepared::<RotateKey>(&ada.session, id).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    refused!(
        t.portal.proof::<RotateKey>(&ada.session, id, &t.code(&ada)).await,
        Error::Changes(ChangesError::ChangeGone)
    );
    execute(t.db(), "UPDATE prepared_change SET kind = 'RotateKey'").await.expect("changed");
    refused!(t.portal.prepared::<RotateKey>(&ada.session, id).await, Error::Vault(VaultError::Sealed(_)));
}

async fn fifty_changes_at_once_with_one_code_confirm_one(t: &TestPortal) {
    let ada = t.administrator().await;
    let second = t.second().await;
    let (command, first) = waiting(t, &ada).await;
    let mut ids = vec![first];
    for _ in 1..50 {
        ids.push(t.portal.changes().prepare(&ada.session, &command).await.expect("prepared"));
    }
    let tasks = ids.into_iter().enumerate().map(|(number, id)| {
        let portal = if number % 2 == 0 { t.portal.clone() } else { second.clone() };
        let (session, code) = (ada.session.clone(), t.code(&ada));
        async move { portal.proof::<CreateKey>(&session, id, &code).await.err() }
    });
    let refusals = at_once(tasks).await;
    assert_eq!(refusals.iter().filter(|refusal| refusal.is_none()).count(), 1);
    for refusal in refusals.into_iter().flatten() {
        assert!(
            matches!(
                refusal,
                Error::Changes(ChangesError::WrongCode { .. }) | Error::Changes(ChangesError::Blocked { .. })
            ),
            "{refusal:?}"
        );
    }
    assert_eq!(logged(t, Action::KeyCreate, Outcome::Refused).await, 49);
}

async fn two_codes_at_once_confirm_a_change_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let previous = t.code(&ada);
    t.next_code();
    let (_, id) = waiting(t, &ada).await;
    let tasks = [previous, t.code(&ada)].map(|code| {
        let (portal, session) = (t.portal.clone(), ada.session.clone());
        async move { portal.proof::<CreateKey>(&session, id, &code).await.is_ok() }
    });
    assert_eq!(at_once(tasks).await.into_iter().filter(|done| *done).count(), 1);
}

async fn the_latest_fifty_changes_wait(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let plan = t.portal.keys().plan_create(&ada.session, &de, RotationPeriod::Days30).await.expect("a plan");
    let mut waiting = Vec::new();
    for _ in 0..60 {
        waiting.push(t.portal.changes().prepare(&ada.session, &plan).await.expect("it is prepared"));
        t.clock.advance(TimeDelta::milliseconds(1));
    }
    for (number, id) in waiting.into_iter().enumerate() {
        let waits = t.portal.prepared::<domain::keys::command::CreateKey>(&ada.session, id).await;
        assert_eq!(waits.is_ok(), number >= 10, "number {number}");
    }
}
