//! Tenant secrets: one for each type and path of a scope, created at the first request, rotated in two steps.

use crate::aws::Customer;
use crate::support::*;
use domain::audit::event::{Action, Outcome};
use domain::audit::journal::JournalQuery;
use domain::data::operation::{AuditNote, Deed, Door, Operation};
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::data::view::{PreviousUses, Since};
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::ChangesError;
use engine::base::error::CustodyError;
use engine::base::error::ServicesError;
use engine::base::error::VaultError;
use engine::base::refused::Refused;
use engine::data::Call;
use engine::data::derive::{Derived, ToDerive};
use engine::testing::{Person, TestPortal, root_key};
use engine::{Error, Portal, SecretText};

stories! {
    a_key_is_the_same_whenever_and_wherever_it_is_derived,
    a_secret_is_made_once_however_many_ask,
    a_path_without_derivations_makes_no_secret,
    types_paths_and_scopes_have_secrets_of_their_own,
    an_alias_changes_nothing_of_what_is_derived,
    while_a_rotation_is_under_way_both_secrets_are_answered,
    the_keys_of_previous_secrets_that_services_receive_are_counted,
    a_count_that_does_not_cover_the_time_says_so,
    nobody_finishes_a_rotation_without_knowing_of_uses,
    who_may_not_wrap_and_unwrap_derives_nothing,
    a_customer_who_takes_the_key_away_takes_derived_keys_away,
    secrets_moved_to_another_row_do_not_open,
    a_scope_has_so_many_paths_and_no_more,
    a_database_from_before_gets_the_term_and_a_lost_one_stops_the_start,
}

async fn with_service(t: &TestPortal) -> (Person, ScopeName, SecretText) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    t.open_journal(&t.portal).await;
    let key = t.api_key([9; 6], "Orders", "production/*", Operation::ALL).await;
    (ada, de, key)
}

async fn call(portal: &Portal, key: &SecretText, scope: &str) -> Call {
    let caller = portal.access().caller(key, "192.0.2.9").await.expect("it comes in");
    Call { caller, door: Door::Tsp, scope: scope.to_owned(), told: AuditNote::default() }
}

fn asked(secret_type: SecretType, path: &str, derivations: &[&str]) -> ToDerive {
    let derivations = derivations.iter().map(|text| (*text).to_owned()).collect();
    ToDerive { secret_type, paths: [(path.to_owned(), derivations)].into() }
}

/// Returns each derived key in order, with the number of its secret and whether that is current.
fn flat(derived: &Derived) -> Vec<(Vec<u8>, u32, bool)> {
    let keys = derived.values().flat_map(|keys| keys.values().flatten());
    keys.map(|key| (key.key.expose().to_vec(), key.secret, key.is_current)).collect()
}

async fn derive(portal: &Portal, key: &SecretText, scope: &str, path: &str) -> Vec<(Vec<u8>, u32, bool)> {
    let call = call(portal, key, scope).await;
    let derived = portal.data().derive(&call, &asked(SecretType::Deterministic, path, &["email"])).await;
    flat(&derived.expect("it is derived"))
}

async fn a_key_is_the_same_whenever_and_wherever_it_is_derived(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let first = derive(&t.portal, &key, "production/DE", "users").await;
    assert!(first[0].0.len() == 64 && first[0].1 >= 1 && first[0].2);
    assert_eq!(derive(&t.portal, &key, "production/DE", "users").await, first);
    let other = t.second().await;
    t.open_journal(&other).await;
    assert_eq!(derive(&other, &key, "production/DE", "users").await, first);
    let line = t.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal");
    let made: Vec<_> = line.events.iter().map(|line| line.event.made).collect();
    assert_eq!(made, [1, 0], "the line says that a secret was made");
    let line = &line.events[0].event;
    assert_eq!((line.deed, line.door, line.items, line.failed), (Deed::Derive, Door::Tsp, 1, 0));
    let sealed = bytes(t.db(), "SELECT secret FROM tenant_secret").await;
    assert!(!sealed.windows(8).any(|part| first[0].0.windows(8).any(|key| key == part)));
}

async fn a_secret_is_made_once_however_many_ask(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let other = t.second().await;
    t.open_journal(&other).await;
    let mut asking = Vec::new();
    for index in 0..20 {
        let portal = if index % 2 == 0 { t.portal.clone() } else { other.clone() };
        let key = text(key.expose());
        asking.push(async move { derive(&portal, &key, "production/DE", "users").await });
    }
    let mut said = at_once(asking).await;
    said.dedup();
    assert_eq!(said.len(), 1);
    let lines = t.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events;
    let others = other.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events;
    let made: u32 = lines.iter().chain(&others).map(|line| line.event.made).sum();
    assert_eq!(made, 1, "one of them has made it");
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret").await, 1);
}

async fn a_path_without_derivations_makes_no_secret(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let call = call(&t.portal, &key, "production/DE").await;
    let derived =
        t.portal.data().derive(&call, &asked(SecretType::Search, "users", &[])).await.expect("nothing");
    assert!(derived["users"].is_empty());
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret").await, 0);
}

async fn types_paths_and_scopes_have_secrets_of_their_own(t: &TestPortal) {
    let (ada, _, key) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    t.portal.access().refresh().await.expect("it looks");
    let mut keys = Vec::new();
    for scope in ["production/DE", "production/FR"] {
        let call = call(&t.portal, &key, scope).await;
        for secret_type in SecretType::ALL {
            for path in ["users", "users/x", ""] {
                let asked = asked(secret_type, path, &["email", "name"]);
                keys.extend(flat(&t.portal.data().derive(&call, &asked).await.expect("derived")));
            }
        }
    }
    let count = keys.len();
    assert_eq!(count, 2 * 3 * 3 * 2);
    keys.sort();
    keys.dedup_by(|a, b| a.0 == b.0);
    assert_eq!(keys.len(), count, "no two are alike");
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret").await, 18);
}

async fn an_alias_changes_nothing_of_what_is_derived(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    let before = derive(&t.portal, &key, "production/DE", "users").await;
    for alias in ["acme", "acme-gmbh"] {
        crate::aliases::name(t, &ada, &de, alias).await;
        assert_eq!(derive(&t.portal, &key, alias, "users").await, before, "{alias}");
    }
    let lines = t.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events;
    assert!(lines.iter().all(|line| line.event.scope == "production/DE"));
}

async fn while_a_rotation_is_under_way_both_secrets_are_answered(t: &TestPortal) {
    let (_, de, key) = with_service(t).await;
    let rotate = async |step| t.portal.secrets().rotate_on_host(&de, step, u64::MAX).await;
    refused!(rotate(RotationStep::Begin).await, Error::Changes(ChangesError::Outdated(_)));
    let other = t.second().await;
    t.open_journal(&other).await;
    let [old] = &derive(&other, &key, "production/DE", "users").await[..] else { panic!("one secret") };
    derive(&other, &key, "production/DE", "orders").await;
    refused!(rotate(RotationStep::Finish).await, Error::Changes(ChangesError::Outdated(_)));
    assert_eq!(rotate(RotationStep::Begin).await.expect("it begins"), 2);
    other.access().refresh().await.expect("it looks");
    let both = derive(&other, &key, "production/DE", "users").await;
    assert_eq!(both.len(), 2);
    assert!(both[0].2 && both[0].1 != old.1 && both[0].0 != old.0, "the new one is current");
    assert_eq!(both[1], (old.0.clone(), old.1, false), "the old one is answered still");
    // A path that is first requested during the rotation has one secret.
    assert_eq!(derive(&other, &key, "production/DE", "late").await.len(), 1);
    refused!(rotate(RotationStep::Begin).await, Error::Changes(ChangesError::Outdated(_)));
    assert_eq!(rotate(RotationStep::Finish).await.expect("it ends"), 2);
    other.access().refresh().await.expect("it looks");
    assert_eq!(derive(&other, &key, "production/DE", "users").await, both[..1]);
    assert_eq!(rotate(RotationStep::Begin).await.expect("and again"), 3);
    assert_eq!(logged(t, Action::TenantSecretRotate, Outcome::Done).await, 3);
    assert_eq!(logged(t, Action::TenantSecretRotate, Outcome::Refused).await, 3);
}

/// Writes the counts of every server to the database, and returns those of the previous secrets.
async fn uses(t: &TestPortal, de: &ScopeName, servers: &[&Portal]) -> PreviousUses {
    for server in servers {
        server.services().note_uses().await;
    }
    t.portal.secrets().of(de).await.expect("known").uses
}

async fn the_keys_of_previous_secrets_that_services_receive_are_counted(t: &TestPortal) {
    let (_, de, key) = with_service(t).await;
    let rotate = async |step| t.portal.secrets().rotate_on_host(&de, step, u64::MAX).await.expect("rotated");
    let other = t.second().await;
    t.open_journal(&other).await;
    let servers = [&t.portal, &other];
    derive(&t.portal, &key, "production/DE", "users").await;
    assert_eq!(uses(t, &de, &servers).await, PreviousUses::default(), "without a rotation none is previous");
    rotate(RotationStep::Begin).await;
    let began = t.clock.now();
    for server in servers {
        server.access().refresh().await.expect("it looks");
    }
    t.clock.advance(chrono::TimeDelta::hours(2));
    derive(&t.portal, &key, "production/DE", "users").await;
    // Each key counts; a path that is new has no previous secret.
    let here = call(&other, &key, "production/DE").await;
    let two = asked(SecretType::Deterministic, "users", &["email", "name"]);
    other.data().derive(&here, &two).await.expect("derived");
    derive(&other, &key, "production/DE", "late").await;
    let used = t.clock.now();
    let counted = PreviousUses { count: 3, last_at: Some(used), since: Some(Since::Rotation(began)) };
    fail_after("begin", 0);
    t.portal.services().note_uses().await;
    assert_eq!(uses(t, &de, &servers).await, counted, "what could not be written is written later");
    // A day counts for 30 days, and is deleted after that.
    t.clock.advance(chrono::TimeDelta::days(29));
    assert_eq!(uses(t, &de, &servers).await.count, 3);
    t.clock.advance(chrono::TimeDelta::days(3));
    assert_eq!(uses(t, &de, &servers).await, PreviousUses::default());
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret_usage").await, 1);
    t.portal.sweep().await.expect("swept");
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret_usage").await, 0);
    // Uses of one rotation say nothing about the next.
    derive(&t.portal, &key, "production/DE", "users").await;
    assert_eq!(uses(t, &de, &servers).await.count, 1);
    rotate(RotationStep::Finish).await;
    let lines = log(t).await.into_iter().filter(|line| line.action == Action::TenantSecretRotate);
    let details: Vec<_> = lines.map(|line| line.detail).collect();
    let said = "finished, 1 secret; previous secrets used: once in the last 30 days";
    assert!(details.iter().any(|detail| detail.starts_with(said)), "{details:?}");
    assert_eq!(uses(t, &de, &servers).await.count, 0);
    rotate(RotationStep::Begin).await;
    assert_eq!(uses(t, &de, &servers).await.count, 0);
}

async fn a_count_that_does_not_cover_the_time_says_so(t: &TestPortal) {
    let (_, de, key) = with_service(t).await;
    derive(&t.portal, &key, "production/DE", "users").await;
    t.portal.secrets().rotate_on_host(&de, RotationStep::Begin, 0).await.expect("begun");
    t.clock.advance(chrono::TimeDelta::days(40));
    assert_eq!(uses(t, &de, &[]).await.since, None, "a new database counts from its beginning");
    // As after an upgrade or a restore at this moment. A secret that is made now brings the time into the database.
    t.portal.access().refresh().await.expect("it looks");
    derive(&t.portal, &key, "production/DE", "late").await;
    let upgraded = "UPDATE instance SET secrets_counted_since = (SELECT MAX(created_at) FROM tenant_secret)";
    execute(t.db(), upgraded).await.expect("set");
    assert_eq!(uses(t, &de, &[]).await.since, Some(Since::Counting(t.clock.now())));
    t.clock.advance(chrono::TimeDelta::days(31));
    assert_eq!(uses(t, &de, &[]).await.since, None, "the count covers the time again");
}

async fn nobody_finishes_a_rotation_without_knowing_of_uses(t: &TestPortal) {
    let (ada, de, key) = with_service(t).await;
    derive(&t.portal, &key, "production/DE", "users").await;
    t.portal.secrets().rotate_on_host(&de, RotationStep::Begin, 0).await.expect("begun");
    t.portal.access().refresh().await.expect("it looks");
    let plan = async |accepted| {
        t.portal.secrets().plan_rotate(&ada.session, &de, "finish", accepted).await.expect("a plan")
    };
    let unaware = proof(t, &ada, &plan(0).await).await;
    // Nothing has written the count to the database yet.
    derive(&t.portal, &key, "production/DE", "users").await;
    refused!(t.portal.secrets().rotate(unaware).await, Error::Changes(ChangesError::Outdated(_)));
    assert_eq!(t.portal.secrets().of_now(&de).await.expect("known").uses.count, 1);
    // Who accepted one use has not accepted two.
    let of_one = proof(t, &ada, &plan(1).await).await;
    derive(&t.portal, &key, "production/DE", "users").await;
    refused!(t.portal.secrets().rotate(of_one).await, Error::Changes(ChangesError::Outdated(_)));
    let on_host = t.portal.secrets().rotate_on_host(&de, RotationStep::Finish, 0).await;
    refused!(on_host, Error::Changes(ChangesError::Outdated(_)));
    let aware = proof(t, &ada, &plan(2).await).await;
    assert_eq!(t.portal.secrets().rotate(aware).await.expect("finished"), 1);
}

async fn who_may_not_wrap_and_unwrap_derives_nothing(t: &TestPortal) {
    let (ada, _, key) = with_service(t).await;
    scope(t, &ada, "FR").await;
    t.portal.access().refresh().await.expect("it looks");
    let asked = asked(SecretType::Vector, "users", &["email"]);
    for (id, operations) in [([7; 6], [Operation::Wrap]), ([8; 6], [Operation::Unwrap])] {
        let half = t.api_key(id, "Half", "production/DE", &operations).await;
        t.portal.access().refresh().await.expect("it looks");
        let call = call(&t.portal, &half, "production/DE").await;
        refused!(t.portal.data().derive(&call, &asked).await, Error::Services(ServicesError::NotAllowed(_)));
    }
    let without_key = call(&t.portal, &key, "production/FR").await;
    refused!(t.portal.data().derive(&without_key, &asked).await, Error::Data(Refused::NoKey));
    for unknown in ["production/JP", "nobody", ""] {
        let call = call(&t.portal, &key, unknown).await;
        refused!(t.portal.data().derive(&call, &asked).await, Error::NotFound);
    }
    let nothing = ToDerive { secret_type: SecretType::Vector, paths: Default::default() };
    let nowhere = call(&t.portal, &key, "nobody").await;
    refused!(t.portal.data().derive(&nowhere, &nothing).await, Error::NotFound);
    refused!(t.portal.data().wrap(&nowhere, vec![]).await, Error::NotFound);
    let lines = t.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal").events;
    assert!(
        lines.iter().all(|line| line.event.outcome == Outcome::Refused),
        "also where nothing was asked for"
    );
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM tenant_secret").await, 0);
}

async fn a_customer_who_takes_the_key_away_takes_derived_keys_away(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    t.open_journal(&t.portal).await;
    let name = house.de.to_string();
    let key = t.api_key([9; 6], "Orders", &name, Operation::ALL).await;
    let first = derive(&t.portal, &key, &name, "users").await;
    house.kms.fails(400, "DisabledException");
    t.clock.advance(chrono::TimeDelta::minutes(2));
    t.portal.custody().probe_due().await.expect("probed");
    let call = call(&t.portal, &key, &name).await;
    let asked = asked(SecretType::Deterministic, "users", &["email"]);
    refused!(t.portal.data().derive(&call, &asked).await, Error::Custody(CustodyError::KmsRefused(_)));
    assert_eq!(first.len(), 1);
    house.end().await;
}

async fn secrets_moved_to_another_row_do_not_open(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    derive(&t.portal, &key, "production/DE", "users").await;
    derive(&t.portal, &key, "production/DE", "orders").await;
    let moved = "UPDATE tenant_secret SET secret = (SELECT o.secret FROM tenant_secret o WHERE o.secret_path = 'users') \
                 WHERE secret_path = 'orders'";
    execute(t.db(), moved).await.expect("moved");
    let other = t.second().await;
    t.open_journal(&other).await;
    derive(&other, &key, "production/DE", "users").await;
    let call = call(&other, &key, "production/DE").await;
    refused!(
        other.data().derive(&call, &asked(SecretType::Deterministic, "orders", &["email"])).await,
        Error::Vault(VaultError::Sealed(_))
    );
}

async fn a_scope_has_so_many_paths_and_no_more(t: &TestPortal) {
    let (ada, _, _) = with_service(t).await;
    let fr = scope(t, &ada, "FR").await;
    create(t, &ada, &fr, RotationPeriod::Days30).await;
    let key = t.api_key([7; 6], "Orders", "production/*", Operation::ALL).await;
    t.portal.access().refresh().await.expect("it looks");
    let call = call(&t.portal, &key, "production/DE").await;
    let many = (0..1000).map(|index| (format!("path {index}"), ["x".to_owned()].into())).collect();
    let all = ToDerive { secret_type: SecretType::Search, paths: many };
    assert_eq!(t.portal.data().derive(&call, &all).await.expect("they are made").len(), 1000);
    let one_more = asked(SecretType::Vector, "one more", &["x"]);
    refused!(t.portal.data().derive(&call, &one_more).await, Error::Data(Refused::TooManySecrets { .. }));
    t.portal.data().derive(&call, &all).await.expect("those there are go on");
    // Other scopes have room of their own.
    assert_eq!(derive(&t.portal, &key, "production/FR", "users").await.len(), 1);
}

async fn a_database_from_before_gets_the_term_and_a_lost_one_stops_the_start(t: &TestPortal) {
    let (_, _, key) = with_service(t).await;
    let forget = "DELETE FROM keyring WHERE purpose = 'tenant_secret'";
    execute(t.db(), forget).await.expect("as if from before");
    let after = t.second().await;
    t.open_journal(&after).await;
    assert_eq!(number(t.db(), "SELECT COUNT(*) FROM keyring WHERE purpose = 'tenant_secret'").await, 1);
    derive(&after, &key, "production/DE", "users").await;
    execute(t.db(), forget).await.expect("lost");
    refused!(t.try_second(&root_key()).await, Error::Fault(_));
}
