//! Aliases: set with a verification code, unique in the portal; an alias is only another name for the same scope.

use crate::support::*;
use domain::audit::event::{Action, Outcome};
use domain::data::operation::Operation;
use domain::scopes::alias::{Alias, AliasRefused};
use domain::scopes::scope::ScopeName;
use engine::base::error::ChangesError;
use engine::base::error::ScopesError;
use engine::testing::{Person, TestPortal};
use engine::{Error, Portal};

stories! {
    an_alias_is_set_changed_and_cleared_and_each_is_in_the_log,
    an_alias_is_of_one_scope_only,
    texts_that_are_no_alias_are_refused,
    an_alias_changed_meanwhile_is_not_overwritten,
    another_server_knows_an_alias_at_once,
    a_key_knows_a_scope_by_its_alias_only_if_it_reaches_it,
    a_removed_country_takes_its_alias_along,
}

/// Sets an alias, from the plan to the confirmation.
pub async fn name(t: &TestPortal, who: &Person, scope: &ScopeName, text: &str) {
    let command = t.portal.scopes().plan_alias(&who.session, scope, text).await.expect("a plan");
    t.portal.scopes().set_alias(proof(t, who, &command).await).await.expect("it is set");
}

fn alias(text: &str) -> Alias {
    text.parse().expect("an alias")
}

async fn an_alias_is_set_changed_and_cleared_and_each_is_in_the_log(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    assert_eq!(t.portal.scopes().alias(&de).await.expect("none yet"), None);
    name(t, &ada, &de, " acme-berlin ").await;
    assert_eq!(t.portal.scopes().alias(&de).await.expect("an alias"), Some(alias("acme-berlin")));
    assert_eq!(t.portal.keys().list(&de, 1).await.expect("the page").alias, Some(alias("acme-berlin")));
    name(t, &ada, &de, "acme").await;
    name(t, &ada, &de, "").await;
    assert_eq!(t.portal.scopes().alias(&de).await.expect("none"), None);
    let log = log(t).await;
    let lines = log.iter().filter(|event| event.action == Action::ScopeAlias);
    let said: Vec<_> = lines.map(|event| (event.place.as_str(), event.detail.as_str())).collect();
    let expected = ["none → acme-berlin", "acme-berlin → acme", "acme → none"];
    assert_eq!(said, expected.map(|detail| ("production/DE", detail)));
}

async fn an_alias_is_of_one_scope_only(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    let first = t.portal.scopes().plan_alias(&ada.session, &de, "acme").await.expect("a plan");
    let second = t.portal.scopes().plan_alias(&ada.session, &fr, "acme").await.expect("a plan, so far");
    t.portal.scopes().set_alias(proof(t, &ada, &first).await).await.expect("it is set");
    let late = t.portal.scopes().set_alias(proof(t, &ada, &second).await).await;
    refused!(late, Error::Scopes(ScopesError::Alias(AliasRefused::Taken(_))));
    let planned = t.portal.scopes().plan_alias(&ada.session, &fr, "acme").await;
    refused!(planned, Error::Scopes(ScopesError::Alias(AliasRefused::Taken(_))));
    assert_eq!(t.portal.scopes().alias(&fr).await.expect("none"), None);
    assert_eq!(logged(t, Action::ScopeAlias, Outcome::Refused).await, 1);
    // Names are case-sensitive, as they are in requests of services.
    name(t, &ada, &fr, "Acme").await;
}

async fn texts_that_are_no_alias_are_refused(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    for text in ["production/FR", "ä", &"x".repeat(129)] {
        let planned = t.portal.scopes().plan_alias(&ada.session, &de, text).await;
        refused!(planned, Error::Scopes(ScopesError::Alias(AliasRefused::Grammar)));
    }
    for text in ["a b", "a\nb", "a\u{200b}b"] {
        let planned = t.portal.scopes().plan_alias(&ada.session, &de, text).await;
        refused!(planned, Error::Scopes(ScopesError::Alias(AliasRefused::Hidden(_))));
    }
    let typed = t.portal.scopes().plan_alias(&ada.session, &de, "\u{a0}acme\u{200b}").await.expect("a plan");
    assert_eq!(typed.to.expect("an alias").as_str(), "acme");
    refused!(
        t.portal.scopes().plan_alias(&ada.session, &de, "").await,
        Error::Scopes(ScopesError::Alias(AliasRefused::None))
    );
    name(t, &ada, &de, "acme").await;
    refused!(
        t.portal.scopes().plan_alias(&ada.session, &de, "acme").await,
        Error::Scopes(ScopesError::Alias(AliasRefused::Unchanged))
    );
}

async fn an_alias_changed_meanwhile_is_not_overwritten(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let command = t.portal.scopes().plan_alias(&ada.session, &de, "acme").await.expect("a plan");
    name(t, &ada, &de, "other").await;
    refused!(
        t.portal.scopes().set_alias(proof(t, &ada, &command).await).await,
        Error::Changes(ChangesError::Outdated(_))
    );
    assert_eq!(t.portal.scopes().alias(&de).await.expect("an alias"), Some(alias("other")));
}

/// Checks whether an API key reaches a scope under a name, as the data plane of this server knows it.
async fn reached(portal: &Portal, key: &engine::SecretText, name: &str) -> Result<(), Error> {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    let told = domain::data::operation::AuditNote::default();
    let call =
        engine::data::Call { caller, door: domain::data::operation::Door::Tsp, scope: name.to_owned(), told };
    portal.data().versions_for(&call, None).await.map(drop)
}

async fn another_server_knows_an_alias_at_once(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    t.open_journal(&t.portal).await;
    let key = t.api_key([9; 6], "Orders", "production/DE", Operation::ALL).await;
    let other = t.second().await;
    t.open_journal(&other).await;
    refused!(reached(&other, &key, "acme").await, Error::NotFound);
    name(t, &ada, &de, "acme").await;
    reached(&t.portal, &key, "acme").await.expect("at once where it was set");
    reached(&other, &key, "acme").await.expect("and at once elsewhere");
    name(t, &ada, &de, "").await;
    refused!(reached(&t.portal, &key, "acme").await, Error::NotFound);
    other.access().refresh().await.expect("it looks");
    refused!(reached(&other, &key, "acme").await, Error::NotFound);
}

async fn a_key_knows_a_scope_by_its_alias_only_if_it_reaches_it(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    t.open_journal(&t.portal).await;
    name(t, &ada, &de, "acme").await;
    name(t, &ada, &fr, "beta").await;
    let key = t.api_key([9; 6], "Orders", "production/DE", Operation::ALL).await;
    t.portal.access().refresh().await.expect("it looks");
    reached(&t.portal, &key, "acme").await.expect("its own");
    for other in ["beta", "nobody", "ACME", "acme ", ""] {
        refused!(reached(&t.portal, &key, other).await, Error::NotFound);
    }
    t.portal.access().caller(&key, "").await.expect("it comes in");
}

async fn a_removed_country_takes_its_alias_along(t: &TestPortal) {
    let ada = t.administrator().await;
    let (de, fr) = (scope(t, &ada, "DE").await, scope(t, &ada, "FR").await);
    name(t, &ada, &de, "acme").await;
    t.portal.scopes().remove_country(&ada.session, &de).await.expect("removed");
    name(t, &ada, &fr, "acme").await;
}
