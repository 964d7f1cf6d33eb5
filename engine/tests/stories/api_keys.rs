//! API keys: created, shown once, used, revoked; and when other servers know of each.

use crate::support::*;
use chrono::TimeDelta;
use domain::Problem;
use domain::audit::event::{Action, Outcome};
use domain::data::operation::Operation;
use domain::scopes::scope::{Country, ScopeName};
use domain::services::api_key::{ApiKeyRefused, Lifetime, Reach, State};
use domain::services::command::CreateApiKey;
use engine::base::error::ChangesError;
use engine::base::error::ServicesError;
use engine::base::error::StoreError;
use engine::testing::{Person, TestPortal};
use engine::{Error, Portal, SecretText};

stories! {
    a_key_is_seen_once_and_works,
    a_key_that_is_wrong_in_any_way_is_answered_alike,
    a_key_reaches_its_scopes_and_no_other,
    an_environment_includes_the_countries_to_come,
    a_country_that_was_removed_is_not_reached_when_it_comes_back,
    two_keys_of_a_name_live_at_a_time,
    two_at_once_do_not_make_a_third,
    a_revoked_key_stops_on_every_server,
    a_key_ends_with_its_time,
    a_clock_that_is_set_back_revives_no_key,
    a_key_made_elsewhere_works_at_once,
    strangers_ask_the_database_a_bounded_number_of_times,
    what_was_removed_meanwhile_is_not_given,
    what_cannot_be_used_is_said_in_words,
    the_last_use_is_written_down,
    the_host_makes_and_revokes_keys,
    the_list_of_api_keys_comes_in_pages,
    a_server_that_cannot_look_serves_nobody,
}

fn reach(text: &str) -> Reach {
    text.parse().expect("a reach")
}

async fn plan(t: &TestPortal, who: &Person, name: &str, at: &[&str]) -> Result<CreateApiKey, Error> {
    let at: Vec<_> = at.iter().map(|text| reach(text)).collect();
    let operations = vec![Operation::Encrypt, Operation::Decrypt];
    t.portal.services().plan_api_key(&who.session, name, &at, operations, Lifetime::Days90).await
}

/// Creates an API key and returns it as its owner copies it.
pub async fn made(t: &TestPortal, who: &Person, name: &str, at: &[&str]) -> SecretText {
    let command = plan(t, who, name, at).await.expect("a plan");
    t.portal.services().create_api_key(proof(t, who, &command).await, &who.session).await.expect("a key");
    let view = t.portal.services().new_api_key(&who.session).await.expect("it waits to be seen");
    t.portal.services().forget_new_api_key(&who.session).await.expect("seen");
    SecretText::new(view.key)
}

async fn comes_in(portal: &Portal, key: &SecretText) -> bool {
    match portal.access().caller(key, "192.0.2.9").await {
        Ok(_) => true,
        Err(Error::Services(ServicesError::UnknownApiKey)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn sees(portal: &Portal, key: &SecretText, scope: &ScopeName) -> bool {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    match portal.scope_of(&caller, scope).await {
        Ok(_) => true,
        Err(Error::NotFound) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn a_key_is_seen_once_and_works(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let command = plan(t, &ada, "  Orders ", &["production/DE"]).await.expect("a plan");
    t.portal.services().create_api_key(proof(t, &ada, &command).await, &ada.session).await.expect("a key");
    let view = t.portal.services().new_api_key(&ada.session).await.expect("it waits to be seen");
    assert_eq!((view.name.as_str(), view.key.len(), &view.key[..4]), ("Orders", 44, "kstd"));
    let again = t.portal.services().new_api_key(&ada.session).await.expect("a lost answer does not lose it");
    assert_eq!(again.key, view.key);
    t.portal.services().forget_new_api_key(&ada.session).await.expect("seen");
    refused!(t.portal.services().new_api_key(&ada.session).await, Error::NotFound);
    let caller = t.portal.access().caller(&text(&view.key), "192.0.2.9").await.expect("it works");
    assert_eq!((caller.name(), caller.seen().as_str()), ("Orders", &view.key[..12]));
    assert!(caller.may(Operation::Encrypt) && !caller.may(Operation::Wrap));
    let listed = t.portal.services().api_keys(None).await.expect("the list").keys.remove(0);
    assert_eq!((listed.state, listed.created_by.as_str()), (State::Live, "ada@example.com"));
    assert_eq!(listed.expires_at, listed.created_at + TimeDelta::days(90));
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.place.as_str()), (Action::ApiKeyCreate, "production/DE"));
    assert_eq!(last.detail, format!("Orders ({}…), encrypt, decrypt, 90 days", &view.key[..12]));
    let told = texts(t.db(), "SELECT detail FROM audit_event UNION ALL SELECT operations FROM api_key").await;
    assert!(told.iter().all(|text| !text.contains(&view.key[12..])), "the secret is nowhere");
    let notes = "SELECT COUNT(*) FROM session_note WHERE kind = 'new api key'";
    assert_eq!(number(t.db(), notes).await, 0);
}

async fn a_key_that_is_wrong_in_any_way_is_answered_alike(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    let right = key.expose();
    let other = made(t, &ada, "Other", &["production/DE"]).await;
    let swapped = format!("{}{}", &right[..12], &other.expose()[12..]);
    let lower = right.to_lowercase();
    let unknown = format!("kstdAAAAAAAA{}", &right[12..]);
    for wrong in
        ["", "kstd", &right[..43], &format!("{right} "), &format!("{right}="), &swapped, &lower, &unknown]
    {
        assert!(!comes_in(&t.portal, &text(wrong)).await, "{wrong}");
    }
    assert!(comes_in(&t.portal, &key).await);
}

async fn a_key_reaches_its_scopes_and_no_other(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    assert!(sees(&t.portal, &key, &de).await);
    assert!(!sees(&t.portal, &key, &fr).await);
    let nowhere = ScopeName { environment: slug("nowhere"), country: de.country };
    assert!(!sees(&t.portal, &key, &nowhere).await);
}

async fn an_environment_includes_the_countries_to_come(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/*"]).await;
    let jp = ScopeName { environment: slug("production"), country: Country::from_code("JP").expect("Japan") };
    assert!(sees(&t.portal, &key, &de).await && !sees(&t.portal, &key, &jp).await);
    scope(t, &ada, "JP").await;
    t.portal.access().refresh().await.expect("it looks");
    assert!(sees(&t.portal, &key, &jp).await);
}

async fn a_country_that_was_removed_is_not_reached_when_it_comes_back(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    assert!(sees(&t.portal, &key, &de).await);
    t.portal.scopes().remove_country(&ada.session, &de).await.expect("removed");
    scope(t, &ada, "DE").await;
    t.portal.access().refresh().await.expect("it looks");
    assert!(!sees(&t.portal, &key, &de).await, "it is another scope, which nobody was given");
    assert_eq!(t.portal.services().api_keys(None).await.expect("the list").keys[0].reach, []);
}

async fn two_keys_of_a_name_live_at_a_time(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let first = made(t, &ada, "Orders", &["production/DE"]).await;
    let planned_before = plan(t, &ada, "Orders", &["production/DE"]).await.expect("there is room for one");
    let second = made(t, &ada, "Orders", &["production/DE"]).await;
    assert!(comes_in(&t.portal, &first).await && comes_in(&t.portal, &second).await);
    let refused = plan(t, &ada, "Orders", &["production/DE"]).await;
    let at_once = refused.expect_err("two live already: no code is asked for");
    assert_eq!(logged(t, Action::ApiKeyCreate, Outcome::Refused).await, 0);
    let refused =
        t.portal.services().create_api_key(proof(t, &ada, &planned_before).await, &ada.session).await;
    let at_last = refused.expect_err("two live meanwhile");
    assert_eq!(logged(t, Action::ApiKeyCreate, Outcome::Refused).await, 1);
    for error in [at_once, at_last] {
        assert!(matches!(error, Error::Services(ServicesError::ApiKey(ApiKeyRefused::TwoLive(_)))));
        assert_eq!(Problem::from(&error).field.as_deref(), Some("name"));
    }
    let oldest = t.portal.services().api_keys(None).await.expect("the list").keys.pop().expect("a key");
    let revoke = t.portal.services().plan_revoke(&ada.session, oldest.id).await.expect("a plan");
    t.portal.services().revoke_api_key(proof(t, &ada, &revoke).await).await.expect("revoked");
    made(t, &ada, "Orders", &["production/DE"]).await;
    // An expired key makes room as well.
    t.clock.advance(TimeDelta::days(91));
    t.portal
        .services()
        .create_api_key_on_host(
            "Orders",
            &[reach("production/DE")],
            vec![Operation::Wrap],
            Lifetime::Days30,
            |_| Ok(()),
        )
        .await
        .expect("two have expired");
}

async fn two_at_once_do_not_make_a_third(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let servers = [t.portal.clone(), t.second().await];
    let tries = (0..16).map(|index| {
        let portal = servers[index % 2].clone();
        async move {
            let at = [reach("production/DE")];
            portal
                .services()
                .create_api_key_on_host("Orders", &at, vec![Operation::Wrap], Lifetime::Days30, |_| Ok(()))
                .await
        }
    });
    let done = at_once(tries).await;
    assert_eq!(done.iter().filter(|made| made.is_ok()).count(), 2);
    for made in done {
        assert!(matches!(
            made,
            Ok(_) | Err(Error::Services(ServicesError::ApiKey(ApiKeyRefused::TwoLive(_))))
        ));
    }
}

async fn a_revoked_key_stops_on_every_server(t: &TestPortal) {
    let ada = t.administrator().await;
    let other = t.second().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    assert!(comes_in(&t.portal, &key).await && comes_in(&other, &key).await);
    let id = t.portal.services().api_keys(None).await.expect("the list").keys[0].id;
    let revoke = t.portal.services().plan_revoke(&ada.session, id).await.expect("a plan");
    t.portal.services().revoke_api_key(proof(t, &ada, &revoke).await).await.expect("revoked");
    assert!(!comes_in(&t.portal, &key).await, "here at once");
    other.access().refresh().await.expect("it looks");
    assert!(!comes_in(&other, &key).await, "there when it looks");
    refused!(
        t.portal.services().plan_revoke(&ada.session, id).await,
        Error::Changes(ChangesError::Outdated(_))
    );
    assert_eq!(t.portal.services().api_key(id).await.expect("it is listed still").state, State::Revoked);
    let last = log(t).await.pop().expect("an event");
    assert_eq!((last.action, last.outcome), (Action::ApiKeyRevoke, Outcome::Done));
}

async fn a_key_ends_with_its_time(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    let ends = t.portal.services().api_keys(None).await.expect("the list").keys[0].expires_at;
    t.clock.advance(ends - t.clock.now() - TimeDelta::microseconds(1));
    assert!(comes_in(&t.portal, &key).await);
    t.clock.advance(TimeDelta::microseconds(1));
    assert!(!comes_in(&t.portal, &key).await, "without anybody looking");
    assert_eq!(t.portal.services().api_keys(None).await.expect("the list").keys[0].state, State::Expired);
}

async fn what_was_removed_meanwhile_is_not_given(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let command = plan(t, &ada, "Orders", &["production/DE"]).await.expect("a plan");
    let proof = proof(t, &ada, &command).await;
    t.portal.scopes().remove_country(&ada.session, &de).await.expect("removed");
    refused!(
        t.portal.services().create_api_key(proof, &ada.session).await,
        Error::Changes(ChangesError::Outdated(_))
    );
    assert_eq!(t.portal.services().api_keys(None).await.expect("the list").keys, []);
}

async fn what_cannot_be_used_is_said_in_words(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let field = |error: &Error| Problem::from(error).field.unwrap_or_default();
    for (name, at, what) in [
        ("", &["production/DE"][..], "name"),
        ("a\u{202e}b", &["production/DE"], "name"),
        ("Orders", &[], "scopes"),
        ("Orders", &["production/FR"], "scopes"),
        ("Orders", &["staging/*"], "scopes"),
    ] {
        assert_eq!(field(&plan(t, &ada, name, at).await.expect_err("refused")), what, "{name} {at:?}");
    }
    let none = t
        .portal
        .services()
        .plan_api_key(&ada.session, "x", &[reach("production/*")], vec![], Lifetime::Days30)
        .await;
    assert_eq!(field(&none.expect_err("refused")), "operations");
    let half = half_way(&t.portal, &ada.email).await;
    let early = t
        .portal
        .services()
        .plan_api_key(&half, "x", &[reach("production/*")], vec![], Lifetime::Days30)
        .await;
    refused!(early, Error::Changes(ChangesError::SignedOut));
}

async fn the_last_use_is_written_down(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    let last = async || t.portal.services().api_keys(None).await.expect("the list").keys[0].last_used_at;
    t.portal.access().note_uses().await;
    assert_eq!(last().await, None, "making it was no use");
    t.clock.advance(TimeDelta::seconds(10));
    assert!(comes_in(&t.portal, &key).await);
    let used = t.clock.now();
    t.portal.access().note_uses().await;
    assert_eq!(last().await, Some(used));
    // A server that saw an earlier use does not move the time of the last use back.
    let other = t.second().await;
    t.clock.advance(TimeDelta::seconds(-5));
    assert!(comes_in(&other, &key).await);
    other.access().note_uses().await;
    assert_eq!(last().await, Some(used));
}

async fn the_host_makes_and_revokes_keys(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let at = [reach("production/DE"), reach("production/DE")];
    let made = t
        .portal
        .services()
        .create_api_key_on_host("Batch", &at, vec![Operation::Wrap], Lifetime::default(), |_| Ok(()))
        .await;
    let key = made.expect("a key");
    assert!(comes_in(&t.portal, &key).await);
    let row = t.portal.services().api_keys(None).await.expect("the list").keys.remove(0);
    assert_eq!((row.created_by.as_str(), row.reach.len()), ("Command line", 1));
    let seen = key.expose()[..12].parse().expect("how it begins is its id");
    assert_eq!(t.portal.services().revoke_api_key_on_host(seen).await.expect("revoked"), "Batch");
    assert!(!comes_in(&t.portal, &key).await);
}

async fn the_list_of_api_keys_comes_in_pages(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    scope(t, &ada, "FR").await;
    let at = [reach("production/DE"), reach("production/FR")];
    for index in 0..53 {
        let name = format!("key {index}");
        let made = t
            .portal
            .services()
            .create_api_key_on_host(&name, &at, vec![Operation::Wrap], Lifetime::Days30, |_| Ok(()))
            .await;
        made.expect("a key");
    }
    let first = t.portal.services().api_keys(None).await.expect("the list");
    assert_eq!((first.keys.len(), first.is_older_page), (50, false));
    let second = t.portal.services().api_keys(first.older).await.expect("the rest");
    assert_eq!((second.keys.len(), second.older, second.is_older_page), (3, None, true));
    let mut names: Vec<_> = first.keys.iter().chain(&second.keys).map(|key| key.name.clone()).collect();
    assert!(first.keys.iter().all(|key| key.reach.len() == 2));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 53);
}

async fn a_server_that_cannot_look_serves_nobody(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    let other = t.second().await;
    assert!(comes_in(&other, &key).await);
    other.close().await;
    t.clock.advance(TimeDelta::seconds(59));
    assert!(comes_in(&other, &key).await, "for a minute without its database");
    t.clock.advance(TimeDelta::seconds(1));
    refused!(other.access().caller(&key, "192.0.2.9").await, Error::Store(StoreError::Database(_)));
}

/// Lets the server run for a quarter of an hour, and record its time.
async fn run_on(t: &TestPortal) {
    for _ in 0..15 {
        t.clock.advance(TimeDelta::minutes(1));
        t.portal.record_time().await.expect("recorded");
        t.portal.access().refresh().await.expect("it looks");
    }
}

async fn a_clock_that_is_set_back_revives_no_key(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    t.clock.advance(TimeDelta::days(90) - TimeDelta::minutes(2));
    run_on(t).await;
    assert!(!comes_in(&t.portal, &key).await, "it has expired");
    let state =
        async |portal: &Portal| portal.services().api_keys(None).await.expect("the list").keys[0].state;
    t.clock.set_back(TimeDelta::days(2));
    t.portal.access().refresh().await.expect("it looks");
    assert!(!comes_in(&t.portal, &key).await, "and stays so");
    assert_eq!(state(&t.portal).await, State::Expired);
    let second = t.second().await;
    assert!(!comes_in(&second, &key).await, "a server that starts with this clock knows as well");
    assert_eq!(state(&second).await, State::Expired);
    // The operator says that the clock is right now: it was ahead before.
    t.portal.overview().correct_times().await.expect("corrected");
    t.portal.access().refresh().await.expect("it looks");
    assert!(comes_in(&t.portal, &key).await, "it has two days left");
}

async fn a_key_made_elsewhere_works_at_once(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let second = t.second().await;
    let wrong = SecretText::new(format!("{}{}", "kstd", "A".repeat(40)));
    assert!(!comes_in(&second, &wrong).await);
    for name in ["Orders", "Billing", "Search"] {
        let key = made(t, &ada, name, &["production/DE"]).await;
        assert!(comes_in(&second, &key).await, "{name}");
    }
}

async fn strangers_ask_the_database_a_bounded_number_of_times(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    let second = t.second().await;
    let wrong = SecretText::new(format!("{}{}", "kstd", "A".repeat(40)));
    for _ in 0..60 {
        assert!(!comes_in(&second, &wrong).await);
    }
    let key = made(t, &ada, "Orders", &["production/DE"]).await;
    assert!(!comes_in(&second, &key).await, "this network has had its looks");
    second.access().caller(&key, "192.0.2.10").await.expect("another has its own");
    assert!(comes_in(&second, &key).await, "and now the key is known");
}
