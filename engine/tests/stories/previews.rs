//! A prepared change describes its own effects, the same for every viewer and wherever it was begun.

use crate::aws::{Customer, others};
use crate::support::*;
use domain::base::id::ChangeId;
use domain::changes::view::About;
use domain::data::operation::Operation;
use domain::keys::limits::{DailyLimits, OwnLimits};
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::EnvironmentKind;
use domain::services::api_key::{ApiKeyId, Lifetime};
use engine::base::error::ChangesError;
use engine::changes::authority::Sensitive;
use engine::testing::kms::FakeKms;
use engine::testing::{PASSWORD, TestPortal, kinds};
use engine::{Error, Settings};
use std::collections::BTreeMap;

stories! {
    every_kind_of_change_can_be_shown_to_another_administrator,
}

/// Ids of prepared changes, by kind.
type Prepared = BTreeMap<&'static str, Vec<ChangeId>>;

async fn prepare<C: Sensitive>(house: &Customer, prepared: &mut Prepared, command: Result<C, Error>) {
    let command = command.unwrap_or_else(|error| panic!("{}: {error}", C::KIND));
    let id = house.t.portal.changes().prepare(&house.ada.session, &command).await.expect("prepared");
    prepared.entry(C::KIND).or_default().push(id);
}

/// Prepares changes of every kind, and "Add encryption key" once for each key type.
async fn all_kinds(house: &Customer) -> Prepared {
    let mut all = Prepared::new();
    Box::pin(of_keys(house, &mut all)).await;
    Box::pin(of_the_scope(house, &mut all)).await;
    Box::pin(of_services(house, &mut all)).await;
    Box::pin(of_the_account(house, &mut all)).await;
    all
}

async fn of_keys(house: &Customer, all: &mut Prepared) {
    let (t, ada, session) = (&house.t, &house.ada, &house.ada.session);
    let keys = t.portal.keys();
    let (fr, at) = (scope(t, ada, "FR").await, scope(t, ada, "AT").await);
    create(t, ada, &at, RotationPeriod::Days30).await;
    let period = RotationPeriod::Days60;
    prepare(house, all, keys.plan_create(session, &fr, period).await).await;
    prepare(house, all, keys.plan_create_aws(session, &fr, house.asked()).await).await;
    prepare(house, all, keys.plan_rotate(session, &at, period).await).await;
    prepare(house, all, keys.plan_edit(session, &at, period).await).await;
    let own = OwnLimits { per_type: Some(5), per_scope: None };
    prepare(house, all, keys.plan_limits(session, &at.environment, own).await).await;
}

async fn of_the_scope(house: &Customer, all: &mut Prepared) {
    let (portal, session, de) = (&house.t.portal, &house.ada.session, &house.de);
    let replaced = portal.custody().plan_replace_credentials(session, de, 1, others(), false).await;
    prepare(house, all, replaced).await;
    prepare(house, all, portal.scopes().plan_alias(session, de, "acme-berlin").await).await;
    let kind = portal.scopes().plan_kind(session, &de.environment, EnvironmentKind::Test).await;
    prepare(house, all, kind).await;
    portal.open_tenant_secrets(de, "users").await.expect("a secret");
    prepare(house, all, portal.secrets().plan_rotate(session, de, "begin", 0).await).await;
}

async fn of_services(house: &Customer, all: &mut Prepared) {
    let (t, session) = (&house.t, &house.ada.session);
    let services = t.portal.services();
    let reach = ["production/DE".parse().expect("a scope")];
    let (operations, lifetime) = (vec![Operation::Decrypt], Lifetime::Days30);
    let key = services.plan_api_key(session, "Orders", &reach, operations, lifetime).await;
    prepare(house, all, key).await;
    let id = *b"orders";
    t.api_key(id, "Billing", "production/DE", &[Operation::Encrypt]).await;
    prepare(house, all, services.plan_revoke(session, ApiKeyId(id)).await).await;
}

async fn of_the_account(house: &Customer, all: &mut Prepared) {
    let (t, ada, session) = (&house.t, &house.ada, &house.ada.session);
    let people = t.portal.people();
    let other = sign_in(t, &ada.email, &ada.seed).await.session;
    prepare(house, all, people.plan_end_sessions(session, Some(other.id)).await).await;
    let (old, new) = (|| text(PASSWORD), || text("amber lantern meadow quartz"));
    prepare(house, all, people.plan_password(session, old(), new(), &new()).await).await;
    prepare(house, all, people.plan_authenticator(session, old()).await).await;
    prepare(house, all, people.plan_recovery_codes(session, old()).await).await;
}

async fn every_kind_of_change_can_be_shown_to_another_administrator(t: &TestPortal) {
    let kms = FakeKms::start().await;
    let settings = Settings { daily: DailyLimits { per_type: 9, per_scope: 9 }, ..kms.settings() };
    let house = Box::pin(Customer::with_settings(t.kind(), kms, settings)).await;
    Box::pin(house.register()).await;
    let (t, ada) = (&house.t, &house.ada);
    let bob = colleague(t, "bob@example.com").await;
    let all = Box::pin(all_kinds(&house)).await;
    let mut expected = kinds();
    expected.sort_unstable();
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), expected, "every kind there is");
    for (kind, ids) in all {
        for id in ids {
            // Only the administrator who prepared the change can confirm it …
            let refused = t.portal.waiting(&bob.session, id).await.map(drop);
            refused!(refused, Error::Changes(ChangesError::ChangeGone));
            // … and every administrator sees the same preview.
            let own = t.portal.waiting(&ada.session, id).await.expect("it waits");
            let own = t.portal.describe(&own).await.expect("a preview");
            let stored = t.portal.stored_change(id).await.expect("it waits");
            let shown = t.portal.describe(&stored).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(shown, own, "{kind}");
            assert!(!shown.effects.is_empty() && !shown.about.text().is_empty(), "{kind}");
            if let About::Account { email } = shown.about {
                assert_eq!(email, ada.email, "the account it changes, not that of whoever looks");
            }
        }
    }
    house.end().await;
}
