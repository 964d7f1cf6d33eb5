//! A data key that is registered a second time: in the same scope it is refused, in another one the person has to know of it.

use crate::aws::*;
use crate::support::*;
use domain::keys::command::Source;
use domain::keys::limits::DailyLimits;
use domain::scopes::scope::ScopeName;
use engine::base::error::{ChangesError, CustodyError};
use engine::testing::TestPortal;
use engine::testing::kms::{FakeKms, other_data_key};
use engine::{AwsAsked, Error, Settings};
use sha2::Digest;

stories! {
    the_key_of_a_version_is_no_next_version,
    the_key_of_another_scope_needs_a_tick_that_names_it,
    two_registrations_of_one_key_are_told_apart_at_the_last_moment,
    a_key_of_an_earlier_release_is_recognised,
    a_fingerprint_says_nothing_about_the_key,
    a_database_with_fingerprints_does_not_start_without_their_term,
}

/// Returns a portal in which a key can be registered more than once a day.
async fn house(t: &TestPortal) -> Customer {
    let kms = FakeKms::start().await;
    let settings = Settings { daily: DailyLimits { per_type: 9, per_scope: 9 }, ..kms.settings() };
    Customer::with_settings(t.kind(), kms, settings).await
}

/// Returns the form of this key in one of its encryptions.
fn of(key: u8, wrapping: u8) -> AwsAsked {
    AwsAsked { data_key: other_data_key(key, wrapping), ..asked() }
}

async fn register(house: &Customer, at: &ScopeName, asked: AwsAsked) -> Result<u32, Error> {
    let (t, ada) = (&house.t, &house.ada);
    let command = t.portal.keys().plan_create_aws(&ada.session, at, asked).await?;
    t.portal.keys().create(proof(t, ada, &command).await).await.map(|plan| plan.number)
}

async fn the_key_of_a_version_is_no_next_version(t: &TestPortal) {
    let house = house(t).await;
    for number in 1..=3 {
        assert_eq!(register(&house, &house.de, of(number, 0)).await.expect("registered"), u32::from(number));
    }
    // Whatever is left of the limits.
    let limited = house.t.second_set(house.kms.settings()).await;
    let planned = limited.keys().plan_create_aws(&house.ada.session, &house.de, of(2, 0)).await;
    refused!(planned, Error::Custody(CustodyError::SameKey(2)));
    limited.close().await;
    house.kms.forget_calls();
    for number in 1..=3 {
        let ticked = AwsAsked { accepts_same: true, ..of(number, 0) };
        match register(&house, &house.de, ticked).await {
            Err(Error::Custody(CustodyError::SameKey(said))) => assert_eq!(said, u32::from(number)),
            other => panic!("{:?}", other.err()),
        }
    }
    assert_eq!(house.kms.calls().len(), 0, "the encrypted key says it; nobody is asked");
    match register(&house, &house.de, of(2, 7)).await {
        Err(Error::Custody(CustodyError::SameKey(said))) => {
            assert_eq!(said, 2, "the key itself, encrypted anew")
        }
        other => panic!("{:?}", other.err()),
    }
    assert_eq!(versions(&house.t, &house.de).await.len(), 3);
    assert_eq!(register(&house, &house.de, of(4, 0)).await.expect("another key"), 4);
    house.end().await;
}

async fn the_key_of_another_scope_needs_a_tick_that_names_it(t: &TestPortal) {
    let house = house(t).await;
    let fr = scope(&house.t, &house.ada, "FR").await;
    register(&house, &house.de, of(8, 0)).await.expect("registered");
    register(&house, &house.de, of(1, 0)).await.expect("registered");
    for wrapping in [0, 7] {
        let Err(Error::Custody(CustodyError::Preflight(report))) =
            register(&house, &fr, of(1, wrapping)).await
        else {
            panic!("no tick, no key")
        };
        assert!(!report.blocks() && !report.warns());
        assert_eq!(report.also().as_deref(), Some("version 2 of production/DE"));
    }
    let ticked = AwsAsked { accepts_same: true, ..of(1, 7) };
    let command =
        house.t.portal.keys().plan_create_aws(&house.ada.session, &fr, ticked).await.expect("a plan");
    let id = house.t.portal.changes().prepare(&house.ada.session, &command).await.expect("prepared");
    let waiting = house.t.portal.waiting(&house.ada.session, id).await.expect("it waits");
    let warning = house.t.portal.describe(&waiting).await.expect("a preview").warning.expect("a warning");
    assert!(warning.contains("also the key of version 2 of production/DE"), "{warning}");
    house.t.portal.keys().create(proof(&house.t, &house.ada, &command).await).await.expect("registered");
    let said = house.last().await.detail;
    assert!(said.contains("7 of 7 checks passed, also the key of version 2 of production/DE"), "{said}");
    // Both scopes have it now, and a third one names both.
    let at = scope(&house.t, &house.ada, "AT").await;
    let Err(Error::Custody(CustodyError::Preflight(report))) = register(&house, &at, of(1, 9)).await else {
        panic!("no tick, no key")
    };
    assert_eq!(report.also().as_deref(), Some("version 2 of production/DE, version 1 of production/FR"));
    house.end().await;
}

async fn two_registrations_of_one_key_are_told_apart_at_the_last_moment(t: &TestPortal) {
    let house = house(t).await;
    let (portal, ada) = (&house.t.portal, &house.ada);
    let fr = scope(&house.t, ada, "FR").await;
    let plan =
        async |at, asked| portal.keys().plan_create_aws(&ada.session, at, asked).await.expect("a plan");
    // Both were planned before either was registered. The number is another one as well, so it must not be the reason.
    let (here, there, again) =
        (plan(&house.de, of(1, 0)).await, plan(&fr, of(1, 7)).await, plan(&house.de, of(1, 9)).await);
    let (here, there) = (proof(&house.t, ada, &here).await, proof(&house.t, ada, &there).await);
    let done = tokio::join!(portal.keys().create(here), portal.keys().create(there));
    let refused = match done {
        (Ok(_), Err(refused)) => (refused, "version 1 of production/DE"),
        (Err(refused), Ok(_)) => (refused, "version 1 of production/FR"),
        _ => panic!("one of them comes first"),
    };
    match refused {
        (Error::Changes(ChangesError::Outdated(said)), name) => assert!(said.contains(name), "{said}"),
        (other, _) => panic!("{other:?}"),
    }
    // A version of this scope, made by another plan that was shown with the same number.
    execute(house.t.db(), "UPDATE key_version SET number = number + 10")
        .await
        .expect("as if numbered otherwise");
    let Source::Aws(key) = &again.source else { panic!("of AWS") };
    assert!(key.credentials.report.also.is_empty());
    refused!(
        portal.keys().create(proof(&house.t, ada, &again).await).await,
        Error::Custody(CustodyError::SameKey(_)) | Error::Changes(ChangesError::Outdated(_))
    );
    assert_eq!(number(house.t.db(), "SELECT COUNT(*) FROM holder").await, 1);
    house.end().await;
}

async fn a_key_of_an_earlier_release_is_recognised(t: &TestPortal) {
    let house = house(t).await;
    register(&house, &house.de, of(1, 0)).await.expect("registered");
    execute(house.t.db(), "UPDATE holder SET fingerprint = NULL").await.expect("as if from before");
    execute(house.t.db(), "DELETE FROM keyring WHERE purpose = 'fingerprint'")
        .await
        .expect("as if from before");
    let after = house.t.second().await;
    let plan =
        async |asked| after.keys().plan_create_aws(&house.ada.session, &house.de, asked).await.map(drop);
    refused!(plan(of(1, 0)).await, Error::Custody(CustodyError::SameKey(1)));
    assert!(plan(of(1, 7)).await.is_ok(), "only the encrypted key is known");
    let key = after.lease_key(&house.de, 1).await.expect("a key");
    after.custody().with_material(key, 1, 1, |_| ()).await.expect("released");
    refused!(plan(of(1, 7)).await, Error::Custody(CustodyError::SameKey(1)));
    after.close().await;
    house.end().await;
}

async fn a_fingerprint_says_nothing_about_the_key(t: &TestPortal) {
    let house = house(t).await;
    house.register().await;
    let fingerprint = bytes(house.t.db(), "SELECT fingerprint FROM holder").await;
    assert_eq!(fingerprint.len(), 32);
    let plain = house.kms.plaintext();
    assert_ne!(fingerprint, plain);
    assert_ne!(fingerprint, sha2::Sha256::digest(plain).to_vec(), "it is keyed");
    let other = TestPortal::with_settings(t.kind(), house.kms.settings()).await;
    let ada = other.administrator().await;
    let de = scope(&other, &ada, "DE").await;
    let command = other.portal.keys().plan_create_aws(&ada.session, &de, asked()).await.expect("a plan");
    let Source::Aws(key) = &command.source else { panic!("of AWS") };
    assert_ne!(key.fingerprint, fingerprint, "each portal has a key of its own");
    other.end().await;
    house.end().await;
}

async fn a_database_with_fingerprints_does_not_start_without_their_term(t: &TestPortal) {
    let house = house(t).await;
    house.register().await;
    execute(house.t.db(), "DELETE FROM keyring WHERE purpose = 'fingerprint'").await.expect("lost");
    refused!(house.t.try_second(&engine::testing::root_key()).await, Error::Fault(_));
    house.end().await;
}
