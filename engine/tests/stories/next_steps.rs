//! The steps after the first encryption key of the portal follow from what exists.

use crate::support::*;
use domain::data::operation::{AuditNote, Door, Operation};
use domain::keys::rotation::RotationPeriod;
use domain::overview::next_steps::NextSteps;
use engine::Error;
use engine::data::context::Context;
use engine::data::{Call, ToEncrypt};
use engine::testing::{Person, TestPortal};

stories! {
    the_steps_begin_with_the_first_key_and_end_when_all_are_done,
    only_the_page_of_the_first_key_shows_them,
}

async fn steps(t: &TestPortal) -> Option<NextSteps> {
    t.portal.overview().next_steps().await.expect("it reads")
}

async fn the_steps_begin_with_the_first_key_and_end_when_all_are_done(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    assert_eq!(steps(t).await, None, "before the first key");
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let mut expected = NextSteps {
        scope: de.clone(),
        has_api_key: false,
        is_used: false,
        has_second_administrator: false,
        has_backup: false,
    };
    assert_eq!(steps(t).await.as_ref(), Some(&expected));
    scope(t, &ada, "FR").await;
    t.api_key([8; 6], "Elsewhere", "production/FR", Operation::ALL).await;
    assert_eq!(steps(t).await.as_ref(), Some(&expected), "it does not reach the scope");

    t.open_journal(&t.portal).await;
    let key = t.api_key([9; 6], "Orders", "production/*", Operation::ALL).await;
    expected.has_api_key = true;
    assert_eq!(steps(t).await.as_ref(), Some(&expected));

    let caller = t.portal.access().caller(&key, "192.0.2.9").await.expect("it comes in");
    let call = Call { caller, door: Door::Native, scope: de.to_string(), told: AuditNote::default() };
    let item = ToEncrypt { plaintext: engine::SecretBytes::new(b"x".to_vec()), context: Context::new() };
    t.portal.data().encrypt(&call, &[Ok(item)]).await.expect("allowed");
    t.portal.services().note_uses().await;
    expected.is_used = true;
    assert_eq!(steps(t).await.as_ref(), Some(&expected));

    colleague(t, "grace@example.com").await;
    expected.has_second_administrator = true;
    assert_eq!(steps(t).await.as_ref(), Some(&expected));

    execute(t.db(), "UPDATE instance SET backup_at = created_at").await.expect("as if one was made");
    assert_eq!(steps(t).await, None, "all is done");
    // A step that was done stays done.
    t.clock.advance(chrono::TimeDelta::days(800));
    execute(t.db(), "UPDATE api_key SET revoked_at = expires_at").await.expect("revoked");
    assert_eq!(steps(t).await, None);
}

async fn only_the_page_of_the_first_key_shows_them(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr, at) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await, scope(t, &ada, "AT").await);
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(chrono::TimeDelta::days(1));
    let ada = Person { session: sign_in(t, &ada.email, &ada.seed).await.session, ..ada };
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    rotate(t, &ada, &de).await;
    let shown = async |scope| t.portal.overview().next_steps_at(scope).await;
    assert_eq!(shown(&de).await.expect("known"), steps(t).await);
    assert!(shown(&de).await.expect("known").is_some());
    assert_eq!(shown(&fr).await.expect("known"), None);
    assert_eq!(shown(&at).await.expect("known"), None, "a country without a key");
    refused!(shown(&"production/JP".parse().expect("a scope")).await, Error::NotFound);
}
