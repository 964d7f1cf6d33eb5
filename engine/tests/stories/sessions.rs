//! Sessions: their lifetime, and the events that end them.

use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::base::id::SessionId;
use domain::keys::rotation::RotationPeriod;
use domain::people::command::EndSessions;
use engine::Error;
use engine::base::error::ChangesError;
use engine::testing::{PASSWORD, Person, TestPortal, from};

stories! {
    a_session_ends_after_fifteen_minutes_without_use,
    a_session_ends_after_twelve_hours_however_busy,
    the_steps_before_may_take_fifteen_minutes,
    every_step_up_gives_a_new_token_and_kills_the_old,
    signing_in_again_ends_the_session_there_was,
    signing_out_ends_the_session,
    signing_out_others_ends_all_but_this_one,
    one_other_session_ends_and_nobody_elses,
    a_session_that_was_ended_cannot_step_up,
    a_new_security_epoch_ends_sessions_and_prepared_changes,
    the_database_keeps_no_token,
    sweeping_takes_only_what_is_over,
}

const ADA: &str = "ada@example.com";

async fn a_session_ends_after_fifteen_minutes_without_use(t: &TestPortal) {
    let ada = t.administrator().await;
    assert!(is_alive(t, &ada.token).await);
    for _ in 0..3 {
        t.clock.advance(TimeDelta::seconds(15 * 60 - 1));
        assert!(is_alive(t, &ada.token).await, "using it keeps it alive");
    }
    t.clock.advance(TimeDelta::minutes(15));
    assert!(!is_alive(t, &ada.token).await);
    assert!(!is_alive(t, &ada.token).await, "looking at it does not wake it");
}

async fn a_session_ends_after_twelve_hours_however_busy(t: &TestPortal) {
    let ada = t.administrator().await; // which takes 30 seconds
    for _ in 0..(12 * 6 - 1) {
        t.clock.advance(TimeDelta::minutes(10));
        assert!(is_alive(t, &ada.token).await);
    }
    t.clock.advance(TimeDelta::seconds(10 * 60 - 31));
    assert!(is_alive(t, &ada.token).await);
    t.clock.advance(TimeDelta::seconds(1));
    assert!(!is_alive(t, &ada.token).await);
}

async fn the_steps_before_may_take_fifteen_minutes(t: &TestPortal) {
    t.administrator().await;
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    t.clock.advance(TimeDelta::minutes(14));
    assert!(is_alive(t, &half.token).await);
    t.clock.advance(TimeDelta::minutes(1));
    assert!(!is_alive(t, &half.token).await);
}

async fn every_step_up_gives_a_new_token_and_kills_the_old(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    let full =
        t.portal.people().check_sign_in_code(&half.session, &t.code(&ada)).await.expect("the code is right");
    assert!(!is_alive(t, &half.token).await && is_alive(t, &full.token).await);
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    let recovery = text(&ada.recovery_codes[0]);
    let enrolling =
        t.portal.people().check_recovery_code(&half.session, &recovery).await.expect("it is right");
    assert!(!is_alive(t, &half.token).await && is_alive(t, &enrolling.token).await);
}

async fn signing_in_again_ends_the_session_there_was(t: &TestPortal) {
    let ada = t.administrator().await;
    let first = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    let again = |replaces| t.portal.people().check_password(ADA, text(PASSWORD), from("192.0.2.7"), replaces);
    again(Some(&ada.session)).await.expect("the password is right");
    assert!(!is_alive(t, &ada.token).await, "its token is good no longer");
    again(Some(&first.session)).await.expect("the password is right");
    assert!(!is_alive(t, &first.token).await, "a half-way session is replaced");
    assert!(again(Some(&first.session)).await.is_ok(), "also one that is gone already");
}

async fn signing_out_ends_the_session(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = sign_in(t, ADA, &ada.seed).await;
    t.portal.people().sign_out(&ada.session).await.expect("signed out");
    assert!(!is_alive(t, &ada.token).await && is_alive(t, &other.token).await);
    assert_eq!(logged(t, Action::SignOut, Outcome::Done).await, 1);
}

async fn signing_out_others_ends_all_but_this_one(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let others = [sign_in(t, ADA, &ada.seed).await, sign_in(t, ADA, &ada.seed).await];
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    assert_eq!(sign_out_others(t, &ada).await, 3);
    assert!(is_alive(t, &ada.token).await && is_alive(t, &bob.token).await);
    for dead in others.iter().map(|new| &new.token).chain([&half.token]) {
        assert!(!is_alive(t, dead).await);
    }
    assert_eq!(log(t).await.last().map(|event| event.detail.clone()).as_deref(), Some("3 ended"));
}

async fn a_session_that_was_ended_cannot_step_up(t: &TestPortal) {
    let ada = t.administrator().await;
    let half = half_way(&t.portal, ADA).await;
    sign_out_others(t, &ada).await;
    refused!(
        t.portal.people().check_sign_in_code(&half, &t.code(&ada)).await,
        Error::Changes(ChangesError::SignedOut)
    );
    t.next_code();
    let half = half_way(&t.portal, ADA).await;
    sign_out_others(t, &ada).await;
    let recovery = text(&ada.recovery_codes[0]);
    refused!(
        t.portal.people().check_recovery_code(&half, &recovery).await,
        Error::Changes(ChangesError::SignedOut)
    );
}

async fn a_new_security_epoch_ends_sessions_and_prepared_changes(t: &TestPortal) {
    let ada = t.administrator().await;
    let scope = scope(t, &ada, "DE").await;
    let new = RotationPeriod::Days30;
    let command = t.portal.keys().plan_create(&ada.session, &scope, new).await.expect("a plan");
    let waiting = t.portal.changes().prepare(&ada.session, &command).await.expect("prepared");
    let half = password(&t.portal, ADA, PASSWORD).await.expect("the password is right");
    t.portal.administrators().reset_password(ADA, text("quiet marble lantern fox")).await.expect("reset");
    assert!(!is_alive(t, &ada.token).await && !is_alive(t, &half.token).await);
    // A request that was under way with the old session is refused, too.
    let gone = t.portal.prepared::<domain::keys::command::CreateKey>(&ada.session, waiting).await;
    refused!(gone, Error::Changes(ChangesError::ChangeGone));
    let confirmed =
        t.portal.proof::<domain::keys::command::CreateKey>(&ada.session, waiting, &t.code(&ada)).await;
    refused!(confirmed, Error::Changes(ChangesError::ChangeGone));
}

async fn the_database_keeps_no_token(t: &TestPortal) {
    let ada = t.administrator().await;
    let kept = match t.db() {
        engine::store::Db::Sqlite { .. } => texts(t.db(), "SELECT lower(hex(token_hash)) FROM session").await,
        engine::store::Db::Postgres(..) => {
            texts(t.db(), "SELECT encode(token_hash, 'hex') FROM session").await
        }
    };
    let token = ada.token.expose();
    assert!(token.len() >= 43, "256 bits");
    assert!(kept.iter().all(|hash| *hash != data_encoding::HEXLOWER.encode(token.as_bytes())));
    assert!(kept.iter().all(|hash| hash.len() == 64));
}

async fn sweeping_takes_only_what_is_over(t: &TestPortal) {
    let ada = t.administrator().await;
    let idle = sign_in(t, ADA, &ada.seed).await;
    t.clock.advance(TimeDelta::minutes(10));
    assert!(is_alive(t, &ada.token).await);
    t.clock.advance(TimeDelta::minutes(10));
    t.portal.sweep().await.expect("swept");
    assert!(is_alive(t, &ada.token).await && !is_alive(t, &idle.token).await);
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM session").await, 1);
}

async fn sign_out_others(t: &TestPortal, who: &Person) -> u64 {
    end(t, who, None).await
}

async fn end(t: &TestPortal, who: &Person, only: Option<SessionId>) -> u64 {
    let user = who.session.user().expect("an administrator");
    let proof = proof(t, who, &EndSessions { user, only }).await;
    t.portal.people().end_sessions(proof, &who.session).await.expect("ended")
}

async fn one_other_session_ends_and_nobody_elses(t: &TestPortal) {
    let ada = t.administrator().await;
    let bob = colleague(t, "bob@example.com").await;
    let (first, second) = (sign_in(t, ADA, &ada.seed).await, sign_in(t, ADA, &ada.seed).await);
    assert_eq!(end(t, &ada, Some(first.session.id)).await, 1);
    assert!(!is_alive(t, &first.token).await && is_alive(t, &second.token).await);
    assert_eq!(end(t, &ada, Some(bob.session.id)).await, 0, "somebody else's is not hers to end");
    assert_eq!(end(t, &ada, Some(ada.session.id)).await, 0, "her own ends with \"Sign out\"");
    assert!(is_alive(t, &bob.token).await && is_alive(t, &ada.token).await);
    let user = bob.session.user().expect("an administrator");
    refused!(
        t.portal.changes().prepare(&ada.session, &EndSessions { user, only: None }).await,
        Error::NotFound
    );
}
