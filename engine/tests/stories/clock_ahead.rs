//! A server's clock that was ahead for a while: what it stamped is noticed, hurts as little as possible, and is corrected at once.

use crate::support::*;
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::{Action, Outcome};
use domain::data::operation::Operation;
use domain::keys::rotation::RotationPeriod;
use engine::base::error::ChangesError;
use engine::testing::{PASSWORD, TestPortal, from};
use engine::{Clock, Error};

stories! {
    one_sign_in_in_the_future_blocks_no_later_code,
    a_session_of_the_future_is_over,
    a_block_of_the_future_blocks_nobody,
    one_command_corrects_everything,
    what_does_not_verify_is_left,
}

const FAR: TimeDelta = TimeDelta::days(405);

/// Starts a server whose clock is far ahead.
async fn ahead(t: &TestPortal) -> engine::Portal {
    t.second_at(&Clock::standing_at(t.clock.now() + FAR)).await
}

async fn one_sign_in_in_the_future_blocks_no_later_code(t: &TestPortal) {
    let ada = t.administrator().await;
    let server = ahead(t).await;
    let half = half_way(&server, &ada.email).await;
    let code = ada.seed.code(t.clock.now() + FAR);
    server.people().check_sign_in_code(&half, &code).await.expect("signed in, far ahead");
    t.next_code();
    let used = t.code(&ada);
    let half = half_way(&t.portal, &ada.email).await;
    t.portal.people().check_sign_in_code(&half, &used).await.expect("the right code is right");
    // What was really spent stays spent, in either time.
    let half = half_way(&t.portal, &ada.email).await;
    let again = t.portal.people().check_sign_in_code(&half, &used).await.map(drop);
    refused!(again, Error::Changes(ChangesError::WrongCode { .. }));
    let half = half_way(&server, &ada.email).await;
    let again = server.people().check_sign_in_code(&half, &code).await.map(drop);
    refused!(again, Error::Changes(ChangesError::WrongCode { .. }));
}

async fn a_session_of_the_future_is_over(t: &TestPortal) {
    let ada = t.administrator().await;
    let server = ahead(t).await;
    let half = server.people().check_password(&ada.email, text(PASSWORD), from("192.0.2.1"), None).await;
    let token = half.expect("the password is right").token;
    assert!(!is_alive(t, &token).await, "it would last for 405 days");
    assert!(is_alive(t, &ada.token).await);
}

async fn a_block_of_the_future_blocks_nobody(t: &TestPortal) {
    let ada = t.administrator().await;
    let server = ahead(t).await;
    for _ in 0..6 {
        assert!(password(&server, &ada.email, "wrong").await.is_err());
    }
    half_way(&t.portal, &ada.email).await;
}

async fn one_command_corrects_everything(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.portal.overview().look_ahead().await.expect("it looks");
    assert_eq!(t.portal.overview().upkeep().await.expect("it reads").ahead, 0);

    // The server ahead rotates the key and makes an API key; the clock is put right.
    let server = ahead(t).await;
    assert_eq!(server.keys().rotate_due().await.expect("it is due there"), 1);
    let half = half_way(&server, &ada.email).await;
    let full = server.people().check_sign_in_code(&half, &ada.seed.code(t.clock.now() + FAR)).await;
    let full = full.expect("signed in").session;
    server.scopes().add_country(&full, &slug("production"), "FR").await.expect("added");
    let key = server
        .services()
        .create_api_key_on_host(
            "Orders",
            &["production/*".parse().expect("a scope")],
            Operation::ALL.to_vec(),
            "90".parse().expect("days"),
            |_| Ok(()),
        )
        .await
        .expect("made");

    let overview = t.portal.overview();
    overview.look_ahead().await.expect("it looks");
    assert!(overview.upkeep().await.expect("it reads").ahead >= 4);
    let tables: Vec<_> =
        overview.ahead().await.expect("counted").into_iter().map(|(table, _)| table).collect();
    assert_eq!(tables, ["session", "throttle", "api_key", "scope", "key_version"]);
    let corrected = overview.correct_times().await.expect("corrected");
    assert!(corrected.left.is_empty());
    assert_eq!(overview.ahead().await.expect("counted"), []);
    overview.look_ahead().await.expect("it looks");
    assert_eq!(overview.upkeep().await.expect("it reads").ahead, 0);
    assert_eq!(overview.verify().await.expect("it reads").unproved, [""; 0], "all of it is signed again");
    assert_eq!(logged(t, Action::TimesCorrect, Outcome::Done).await, 1);

    let now = t.clock.now();
    let shown = t.portal.keys().list(&de, 1).await.expect("the page").versions.remove(0);
    assert_eq!((shown.number, shown.created_at, shown.is_proved), (2, now, true));
    assert_eq!(shown.due_at, Some(now + TimeDelta::days(30)), "it rotates as usual");
    let keys = t.portal.services().api_keys(None).await.expect("the list").keys;
    let until: DateTime<Utc> = keys[0].expires_at;
    assert_eq!(until, now + TimeDelta::days(90), "it lasts as long as was asked");
    t.portal.access().refresh().await.expect("it looks");
    t.portal.access().caller(&key, "192.0.2.9").await.expect("it works");
    t.clock.advance(TimeDelta::days(91));
    t.portal.access().refresh().await.expect("it looks");
    assert!(t.portal.access().caller(&key, "192.0.2.9").await.is_err(), "and ends then");
    assert_eq!(t.portal.keys().rotate_due().await.expect("it is due"), 1);
}

async fn what_does_not_verify_is_left(t: &TestPortal) {
    let ada = t.administrator().await;
    let server = ahead(t).await;
    let half = half_way(&server, &ada.email).await;
    let full = server.people().check_sign_in_code(&half, &ada.seed.code(t.clock.now() + FAR)).await;
    let full = full.expect("signed in").session;
    let kind = domain::scopes::scope::EnvironmentKind::Test;
    server.scopes().add_environment(&full, "Staging", "", kind).await.expect("added");
    execute(t.db(), "UPDATE environment SET kind = 'production'").await.expect("changed");
    let corrected = t.portal.overview().correct_times().await.expect("corrected");
    assert_eq!(corrected.left, ["environment staging"]);
    let unproved = t.portal.overview().verify().await.expect("it reads").unproved;
    assert_eq!(unproved, ["environment staging"], "it was not made genuine");
}
