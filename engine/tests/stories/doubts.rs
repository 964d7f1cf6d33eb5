//! A refusal that may be one of a moment: KMS is asked again, and nobody uses the material until it has answered.

use crate::aws::*;
use crate::support::*;
use domain::audit::event::{Action, Outcome};
use domain::custody::health::HealthState;
use domain::custody::preflight::{Check, Verdict};
use engine::Error;
use engine::base::error::CustodyError;
use engine::testing::TestPortal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

stories! {
    a_key_made_a_moment_ago_passes_its_preflight,
    a_preflight_repeats_decrypt_alone,
    one_no_among_many_yeses_refuses_nobody,
    after_the_last_no_the_material_is_wiped,
    nothing_opens_until_kms_has_said_yes_again,
    a_refusal_without_doubt_is_obeyed_at_once,
    an_outage_while_kms_is_asked_again_does_not_undo_the_no,
    a_yes_from_before_the_doubt_does_not_end_it,
    another_servers_refusal_wipes_what_is_set_aside,
    the_yes_of_replaced_credentials_puts_nothing_back,
    a_check_that_is_broken_off_leaves_nothing_set_aside,
    what_is_refused_already_is_asked_once,
    new_credentials_are_asked_for_again_after_the_old_were_refused,
}

const DOUBTFUL: [&str; 3] = ["UnrecognizedClientException", "InvalidClientTokenId", "AccessDeniedException"];

fn no(code: &'static str) -> Decrypts {
    Decrypts::Error(400, code, "no".to_owned())
}

async fn a_key_made_a_moment_ago_passes_its_preflight(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    house.kms.next([no("UnrecognizedClientException"), no("UnrecognizedClientException")]);
    house.register().await;
    assert_eq!(house.kms.decrypt_calls(), 3);
    for code in DOUBTFUL {
        house.kms.fails_once(code);
        drop(house.replacement().await);
    }
    house.end().await;
}

async fn a_preflight_repeats_decrypt_alone(t: &TestPortal) {
    let house = Customer::new(t.kind()).await;
    let planned = async || {
        house.kms.forget_calls();
        let begun = Instant::now();
        (house.plan().await, house.kms.decrypt_calls(), house.kms.calls().len(), begun.elapsed())
    };
    // Encrypt and GenerateDataKey are denied, as they should be.
    let (plan, decrypts, calls, took) = planned().await;
    assert!(plan.is_ok() && took < Duration::from_millis(450), "{took:?}");
    assert_eq!((decrypts, calls), (1, 3));
    house.kms.fails(400, "UnrecognizedClientException");
    let (plan, decrypts, calls, _) = planned().await;
    let Err(Error::Custody(CustodyError::Preflight(report))) = plan else { panic!("it did not block") };
    assert_eq!((decrypts, calls), (4, 4));
    let failed = report.first_failure().expect("a line failed");
    assert_eq!((failed.check, failed.verdict), (Check::Credentials, Verdict::Failed));
    assert!(failed.explanation().is_some_and(|why| why.contains("made a moment ago")));
    house.kms.fails(400, "DisabledException");
    assert_eq!(planned().await.1, 1, "no doubt, no second call");
    house.end().await;
}

async fn one_no_among_many_yeses_refuses_nobody(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let portal = &house.t.portal;
    for code in DOUBTFUL {
        // The first use, the refresh in the background, the probe, "Check now".
        house.kms.fails_once(code);
        assert_eq!(house.use_key().await.expect("it waits for the second answer"), house.kms.plaintext());
        house.wait(300);
        house.kms.fails_once(code);
        portal.custody().tend_leases().await;
        house.use_key().await.expect("refreshed");
        house.wait(60);
        house.kms.fails_once(code);
        assert_eq!(portal.custody().probe_due().await.expect("looked"), 1);
        let held = portal.custody().lease(&house.de, 1).await.expect("a view").held;
        assert!(held.is_some(), "put back");
        house.kms.fails_once(code);
        let report = portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
        assert_eq!(report.summary(), "7 of 7 checks passed");
        house.kms.forget_calls();
        house.use_key().await.expect("used");
        assert_eq!(house.kms.decrypt_calls(), 0, "from memory");
        house.wait(300);
        portal.custody().tend_leases().await;
        house.wait(3600);
    }
    assert_eq!(house.health().await, (HealthState::Healthy, None));
    assert_eq!(logged(&house.t, Action::KeyHealth, Outcome::Done).await, 0, "no line of a no that was none");
    assert_eq!(
        number(house.t.db(), "SELECT COUNT(*) FROM holder WHERE refusals > 0").await,
        0,
        "no server was told"
    );
    house.end().await;
}

async fn after_the_last_no_the_material_is_wiped(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    for (round, code) in DOUBTFUL.into_iter().enumerate() {
        house.kms.decrypts(Decrypts::Well);
        house.wait(60);
        house.use_key().await.expect("released");
        house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("healthy again");
        house.kms.fails(400, code);
        house.kms.forget_calls();
        house.wait(300);
        let begun = Instant::now();
        house.t.portal.custody().tend_leases().await;
        assert!(begun.elapsed() >= Duration::from_millis(650), "{:?}", begun.elapsed());
        assert_eq!(house.kms.decrypt_calls(), 3, "{code}: once, and twice more");
        for _ in 0..50 {
            refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
        }
        assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None, "{code}");
        assert_eq!(house.health().await, (HealthState::Refused, Some(code.to_owned())));
        let lines = logged(&house.t, Action::KeyHealth, Outcome::Done).await;
        assert_eq!(lines, 2 * round + 1, "one line for the final no, one for the yes");
    }
    house.end().await;
}

async fn nothing_opens_until_kms_has_said_yes_again(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    let (in_doubt, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let users: Vec<_> = (0..8)
        .map(|_| {
            let (portal, in_doubt, stop) = (house.t.portal.clone(), in_doubt.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut used, mut wrongly) = (0, 0);
                while !stop.load(Ordering::SeqCst) {
                    // The work runs while the material is lent, so a use that began earlier reads the flag as well.
                    let was = portal.custody().with_material(key, 1, 1, |_| in_doubt.load(Ordering::SeqCst));
                    let was = was.await.expect("nobody is refused");
                    used += 1;
                    wrongly += usize::from(was);
                    tokio::task::yield_now().await;
                }
                (used, wrongly)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.wait(60);
    // The first answer comes at once, the second one after 200 ms and the time that it takes.
    house.kms.fails_once("UnrecognizedClientException");
    let portal = house.t.portal.clone();
    let probe = tokio::spawn(async move { portal.custody().probe_due().await });
    let view = async || house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held;
    while view().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    house.kms.takes(Duration::from_millis(300));
    in_doubt.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(view().await, None, "still set aside");
    in_doubt.store(false, Ordering::SeqCst);
    assert_eq!(probe.await.expect("it ends").expect("probed"), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.store(true, Ordering::SeqCst);
    let (mut used, mut wrongly) = (0, 0);
    for user in users {
        let (uses, wrong) = user.await.expect("a user ends");
        assert!(uses > 0);
        (used, wrongly) = (used + uses, wrongly + wrong);
    }
    println!("figure: a doubtful refusal under load: {used} uses, none in doubt, none refused");
    assert!(used > 100, "there was load: {used}");
    assert_eq!(wrongly, 0);
    // Release, probe, second answer: those who waited asked nobody.
    assert_eq!(house.kms.decrypt_calls(), 3);
    house.end().await;
}

async fn a_refusal_without_doubt_is_obeyed_at_once(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    for code in ["DisabledException", "KMSInvalidStateException", "InvalidSignatureException"] {
        house.kms.decrypts(Decrypts::Well);
        house.wait(60);
        house.use_key().await.expect("released");
        house.kms.forget_calls();
        house.kms.fails_once(code);
        house.t.portal.custody().probe_due().await.expect("probed");
        assert_eq!(house.kms.decrypt_calls(), 1, "{code}");
        assert_eq!(house.health().await, (HealthState::Refused, Some(code.to_owned())));
        assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None);
        // The second answer says the same of a refusal that began as a doubt.
        house.wait(60);
        house.t.portal.custody().probe_due().await.expect("healthy again");
        house.use_key().await.expect("released");
        house.wait(60);
        house.kms.forget_calls();
        house.kms.next([no("AccessDeniedException"), no(code)]);
        house.t.portal.custody().probe_due().await.expect("probed");
        assert_eq!(house.kms.decrypt_calls(), 2, "{code}");
        assert_eq!(house.health().await, (HealthState::Refused, Some(code.to_owned())));
    }
    house.end().await;
}

async fn an_outage_while_kms_is_asked_again_does_not_undo_the_no(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    house.wait(60);
    house.kms.next([no("UnrecognizedClientException"), Decrypts::Page(502), Decrypts::Resets]);
    house.t.portal.custody().probe_due().await.expect("probed");
    assert_eq!(house.health().await, (HealthState::Refused, Some("UnrecognizedClientException".to_owned())));
    assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None);
    house.end().await;
}

async fn a_yes_from_before_the_doubt_does_not_end_it(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    // A release is under way and will be allowed; meanwhile a check is refused, and refused again.
    house.kms.takes(Duration::from_millis(1500));
    let portal = house.t.portal.clone();
    let key = portal.lease_key(&house.de, 1).await.expect("a key");
    let slow = tokio::spawn(async move { portal.custody().with_material(key, 1, 1, |_| ()).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    house.kms.takes(Duration::ZERO);
    house.kms.fails(400, "AccessDeniedException");
    let portal = house.t.portal.clone();
    let session = house.ada.session.clone();
    let de = house.de.clone();
    let check = tokio::spawn(async move { portal.custody().check_now(&session, &de, 1).await });
    refused!(slow.await.expect("it ends"), Error::Custody(CustodyError::KmsRefused(_)));
    assert!(check.await.expect("it ends").expect("checked").blocks());
    assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None);
    house.end().await;
}

async fn another_servers_refusal_wipes_what_is_set_aside(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    house.wait(60);
    house.kms.fails_once("UnrecognizedClientException");
    let portal = other.clone();
    let doubt = tokio::spawn(async move { portal.custody().probe_due().await });
    let held = async || other.custody().lease(&house.de, 1).await.expect("a view").held;
    while held().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The second answer is a yes, on its way; the refusal that the first server hears comes after it was asked for.
    house.kms.takes(Duration::from_millis(600));
    tokio::time::sleep(Duration::from_millis(400)).await;
    house.kms.takes(Duration::ZERO);
    house.kms.fails(400, "DisabledException");
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    assert_eq!(doubt.await.expect("it ends").expect("probed"), 1);
    assert_eq!(held().await, None, "a late yes puts nothing back");
    assert_eq!(house.health().await, (HealthState::Refused, Some("DisabledException".to_owned())));
    other.close().await;
    house.end().await;
}

async fn the_yes_of_replaced_credentials_puts_nothing_back(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    let proof = house.replacement().await;
    house.wait(60);
    house.kms.fails_once("UnrecognizedClientException");
    let portal = house.t.portal.clone();
    let doubt = tokio::spawn(async move { portal.custody().probe_due().await });
    let held = async || house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held;
    while held().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    house.t.portal.custody().replace_credentials(proof).await.expect("replaced");
    doubt.await.expect("it ends").expect("probed");
    assert_eq!(held().await, None, "it was released with the old ones");
    house.kms.forget_calls();
    house.use_key().await.expect("the new ones work");
    assert!(house.kms.calls()[0].authorization.contains("AKIAI44QH8DHBEXAMPLE/"));
    house.end().await;
}

async fn a_check_that_is_broken_off_leaves_nothing_set_aside(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    house.kms.fails_once("UnrecognizedClientException");
    let (portal, session, de) = (house.t.portal.clone(), house.ada.session.clone(), house.de.clone());
    let check = tokio::spawn(async move { portal.custody().check_now(&session, &de, 1).await });
    let held = async || house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held;
    while held().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    check.abort();
    assert!(check.await.is_err(), "it was broken off");
    assert_eq!(held().await, None);
    house.kms.forget_calls();
    house.use_key().await.expect("KMS allows it");
    assert_eq!(house.kms.decrypt_calls(), 1, "it was asked");
    house.end().await;
}

async fn what_is_refused_already_is_asked_once(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.fails(400, "AccessDeniedException");
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    assert_eq!(house.kms.decrypt_calls(), 3);
    for _ in 0..5 {
        house.wait(60);
        house.kms.forget_calls();
        refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
        assert_eq!(house.kms.decrypt_calls(), 1);
    }
    house.kms.forget_calls();
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    assert_eq!(house.kms.decrypt_calls(), 3, "a person waits");
    house.end().await;
}

async fn new_credentials_are_asked_for_again_after_the_old_were_refused(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.fails(400, "InvalidClientTokenId");
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    house.kms.decrypts(Decrypts::Well);
    let proof = house.replacement().await;
    house.kms.fails_once("UnrecognizedClientException");
    house.t.portal.custody().replace_credentials(proof).await.expect("replaced");
    assert_eq!(house.health().await, (HealthState::Healthy, None));
    house.use_key().await.expect("they work");
    house.end().await;
}
