//! Leases: how long material stays in memory, which use waits for which, and the effect of a refusal.

use crate::aws::*;
use crate::support::*;
use chrono::TimeDelta;
use domain::audit::event::{Action, Outcome};
use domain::custody::health::HealthState;
use domain::custody::preflight::FailureCode;
use domain::keys::key_version::Status;
use domain::keys::rotation::RotationPeriod;
use domain::overview::lack::Lack;
use engine::base::error::CustodyError;
use engine::custody;
use engine::custody::lease::Times;
use engine::testing::kms::FakeKms;
use engine::testing::{TestPortal, scale};
use engine::{Clock, Error, Portal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

stories! {
    a_thousand_first_uses_make_one_call,
    what_is_used_is_refreshed_in_the_background,
    what_is_not_used_is_wiped_at_its_refresh,
    a_release_serves_so_many_messages_however_few_calls_they_come_in,
    an_outage_is_bridged_until_the_hold_time,
    a_refusal_wipes_at_once_and_nothing_succeeds_after_it,
    a_refusal_under_load_is_the_end_of_every_success,
    an_answer_from_before_a_refusal_does_not_count,
    a_refusal_of_one_server_is_obeyed_by_the_others,
    a_refusal_is_obeyed_whatever_the_clocks_of_the_servers_say,
    a_refusal_that_was_over_before_anybody_looked_still_wipes,
    a_refusal_is_not_lost_when_another_server_writes_at_the_same_moment,
    a_late_refusal_of_old_credentials_does_not_touch_the_new_ones,
    replaced_credentials_are_asked_of_kms_and_not_called_healthy,
    a_release_that_was_refused_and_forgiven_meanwhile_is_asked_for_again,
    a_kms_slower_than_the_hold_time_is_not_asked_for_ever,
    failures_are_tried_again_after_a_while_and_not_all_the_time,
    managed_material_is_leased_too,
    no_more_than_eight_calls_of_a_scope_are_under_way,
    preflights_leave_places_for_leases,
    waiting_for_our_own_turn_is_not_called_an_outage_of_kms,
    throttling_and_gateways_are_outages,
    a_server_without_a_way_to_kms_does_not_speak_for_the_others,
    a_row_that_cannot_be_read_is_refused_and_stops_no_other_probe,
    health_is_probed_each_minute_by_one_server,
    each_change_of_health_is_one_event,
    deprecated_versions_are_not_probed_and_still_decrypt,
    the_clock_says_when_a_refusal_is_obeyed,
    both_times_are_settings_and_probes_can_be_switched_off,
    each_server_shows_what_the_others_hold,
}

async fn a_thousand_first_uses_make_one_call(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(200));
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    let right = house.kms.plaintext();
    let uses = (0..1000).map(|_| {
        let portal = house.t.portal.clone();
        async move { portal.custody().with_material(key, 1, 1, |material| material.expose() == right).await }
    });
    let done = at_once(uses).await;
    assert!(done.into_iter().all(|used| used.is_ok_and(|is_right| is_right)));
    let calls = house.kms.decrypt_calls();
    println!("figure: 1,000 concurrent first uses of one key: {calls} call of KMS");
    assert_eq!(calls, 1);
    house.end().await;
}

async fn what_is_used_is_refreshed_in_the_background(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    house.wait(299);
    house.use_key().await.expect("from memory");
    house.t.portal.custody().tend_leases().await;
    assert_eq!(house.kms.decrypt_calls(), 1, "not yet");
    house.wait(1);
    house.t.portal.custody().tend_leases().await;
    assert_eq!(house.kms.decrypt_calls(), 2, "at five minutes, without anybody waiting");
    // A use finds the refresh due before the server does: Keystead serves the use at once and refreshes in the background.
    house.wait(300);
    house.kms.takes(Duration::from_millis(300));
    let before = std::time::Instant::now();
    house.use_key().await.expect("from memory");
    assert!(before.elapsed() < Duration::from_millis(250), "nobody waits for a refresh");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if house.kms.decrypt_calls() == 3 {
            break;
        }
    }
    assert_eq!(house.kms.decrypt_calls(), 3);
    house.end().await;
}

async fn what_is_not_used_is_wiped_at_its_refresh(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    house.wait(300);
    house.t.portal.custody().tend_leases().await;
    assert_eq!(house.kms.decrypt_calls(), 2);
    house.wait(300);
    house.t.portal.custody().tend_leases().await;
    assert_eq!(house.kms.decrypt_calls(), 2);
    let view = house.t.portal.custody().lease(&house.de, 1).await.expect("a view");
    assert_eq!(view.held, None);
    house.end().await;
}

async fn a_release_serves_so_many_messages_however_few_calls_they_come_in(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    for (messages, calls) in [((1 << 32) - 1, 1), (1, 1), (1, 2)] {
        house.t.portal.custody().with_material(key, messages, 1, |_| ()).await.expect("released");
        assert_eq!(house.kms.decrypt_calls(), calls);
    }
    house.end().await;
}

async fn an_outage_is_bridged_until_the_hold_time(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    for how in
        [Decrypts::Resets, Decrypts::Garbage, Decrypts::Error(500, "KMSInternalException", String::new())]
    {
        house.kms.decrypts(how);
        house.wait(10 * 60);
        house.use_key().await.expect("used while KMS cannot be reached");
        house.t.portal.custody().tend_leases().await;
    }
    house.wait(29 * 60 + 59);
    house.use_key().await.expect("up to the last second");
    house.wait(1);
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsUnreachable(_)));
    println!("figure: KMS unreachable: used 59 min 59 s after the last release, not at 60 min");
    house.t.portal.custody().tend_leases().await;
    house.wait(60);
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsUnreachable(_)));
    house.kms.decrypts(Decrypts::Well);
    house.wait(60);
    house.use_key().await.expect("it is back");
    house.end().await;
}

async fn a_refusal_wipes_at_once_and_nothing_succeeds_after_it(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    for code in [
        "AccessDeniedException",
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncorrectKeyException",
        "InvalidCiphertextException",
    ] {
        house.kms.decrypts(Decrypts::Well);
        house.wait(60);
        house.use_key().await.expect("released");
        house.kms.fails(400, code);
        house.wait(300);
        house.t.portal.custody().tend_leases().await;
        for _ in 0..50 {
            refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
        }
        assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None, "{code}");
    }
    house.end().await;
}

async fn a_refusal_under_load_is_the_end_of_every_success(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    let (is_refused, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (before, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let users: Vec<_> = (0..8)
        .map(|_| {
            let (portal, is_refused, stop) = (house.t.portal.clone(), is_refused.clone(), stop.clone());
            let (before, after) = (before.clone(), after.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    // Read before the use begins: a success with `was_refused` then comes after the refusal.
                    let was_refused = is_refused.load(Ordering::SeqCst);
                    if portal.custody().with_material(key, 1, 1, |_| ()).await.is_ok() {
                        let counter = if was_refused { &after } else { &before };
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(scale(200, 2000))).await;
    house.kms.fails(400, "DisabledException");
    let checked =
        house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    assert!(checked.blocks());
    is_refused.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(scale(200, 2000))).await;
    stop.store(true, Ordering::SeqCst);
    for user in users {
        user.await.expect("a user ends");
    }
    let (before, after) = (before.load(Ordering::SeqCst), after.load(Ordering::SeqCst));
    println!("figure: a refusal under load: {before} uses before it, {after} after it");
    assert!(before > 100, "there was load");
    assert_eq!(after, 0);
    house.end().await;
}

async fn an_answer_from_before_a_refusal_does_not_count(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(400));
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    let portal = house.t.portal.clone();
    let slow = tokio::spawn(async move { portal.custody().with_material(key, 1, 1, |_| ()).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The release under way will succeed at KMS; meanwhile KMS refuses another call.
    house.kms.takes(Duration::ZERO);
    house.kms.fails(400, "DisabledException");
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    refused!(slow.await.expect("it ends"), Error::Custody(CustodyError::KmsRefused(_)));
    assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None);
    house.end().await;
}

async fn a_refusal_of_one_server_is_obeyed_by_the_others(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    house.wait(5);
    house.kms.fails(400, "DisabledException");
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    refused!(
        other.custody().with_material(key, 1, 1, |_| ()).await,
        Error::Custody(CustodyError::KmsRefused(_))
    );
    other.close().await;
    house.end().await;
}

async fn a_refusal_is_obeyed_whatever_the_clocks_of_the_servers_say(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let ahead = Clock::standing_at(house.t.clock.now() + TimeDelta::seconds(10));
    let other = house.t.second_at(&ahead).await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    house.wait(5);
    house.kms.fails(400, "DisabledException");
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    refused!(
        other.custody().with_material(key, 1, 1, |_| ()).await,
        Error::Custody(CustodyError::KmsRefused(_))
    );
    other.close().await;
    house.end().await;
}

async fn a_refusal_that_was_over_before_anybody_looked_still_wipes(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    let check =
        async || house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    house.kms.fails(400, "DisabledException");
    check().await;
    house.kms.decrypts(Decrypts::Well);
    check().await;
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    assert_eq!(other.custody().lease(&house.de, 1).await.expect("a view").held, None);
    house.kms.forget_calls();
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released anew, without a wait");
    other.custody().apply_remote_refusals().await.expect("looked again");
    other
        .custody()
        .with_material(key, 1, 1, |_| ())
        .await
        .expect("an old refusal does not count against a new release");
    assert_eq!(house.kms.decrypt_calls(), 1);
    other.close().await;
    house.end().await;
}

async fn a_refusal_is_not_lost_when_another_server_writes_at_the_same_moment(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    house.kms.fails(400, "DisabledException");
    house.kms.takes(Duration::from_millis(500));
    let portal = house.t.portal.clone();
    let slow = tokio::spawn(async move { portal.custody().with_material(key, 1, 1, |_| ()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // The first server has read the row and waits for KMS; meanwhile the second one meets an outage and records it.
    house.kms.takes(Duration::ZERO);
    house.kms.decrypts(Decrypts::Page(502));
    other.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    refused!(slow.await.expect("it ends"), Error::Custody(CustodyError::KmsRefused(_)));
    assert_eq!(house.health().await, (HealthState::Refused, Some("DisabledException".to_owned())));
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    refused!(
        other.custody().with_material(key, 1, 1, |_| ()).await,
        Error::Custody(CustodyError::KmsRefused(_))
    );
    other.close().await;
    house.end().await;
}

async fn a_late_refusal_of_old_credentials_does_not_touch_the_new_ones(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let proof = house.replacement().await;
    house.wait(60);
    house.kms.fails(400, "UnrecognizedClientException");
    house.kms.takes(Duration::from_millis(500));
    let portal = house.t.portal.clone();
    let late = tokio::spawn(async move { portal.custody().probe_due().await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.kms.takes(Duration::ZERO);
    house.kms.decrypts(Decrypts::Well);
    house.t.portal.custody().replace_credentials(proof).await.expect("replaced");
    house.use_key().await.expect("the new ones work");
    house.kms.forget_calls();
    assert_eq!(late.await.expect("it ends").expect("probed"), 1);
    assert_eq!(house.health().await, (HealthState::Healthy, None));
    house.use_key().await.expect("they still do");
    assert_eq!(house.kms.decrypt_calls(), 0, "from memory");
    house.end().await;
}

async fn replaced_credentials_are_asked_of_kms_and_not_called_healthy(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    let key = other.lease_key(&house.de, 1).await.expect("a key");
    other.custody().with_material(key, 1, 1, |_| ()).await.expect("released to the other");
    let proof = house.replacement().await;
    house.kms.fails(400, "DisabledException");
    house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    house.t.portal.custody().replace_credentials(proof).await.expect("replaced");
    assert_eq!(house.health().await, (HealthState::Refused, Some("DisabledException".to_owned())));
    other.custody().apply_remote_refusals().await.expect("it looks each second");
    refused!(
        other.custody().with_material(key, 1, 1, |_| ()).await,
        Error::Custody(CustodyError::KmsRefused(_))
    );
    other.close().await;
    house.end().await;
}

async fn a_release_that_was_refused_and_forgiven_meanwhile_is_asked_for_again(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(600));
    let key = house.t.portal.lease_key(&house.de, 1).await.expect("a key");
    let portal = house.t.portal.clone();
    let slow = tokio::spawn(async move { portal.custody().with_material(key, 1, 1, |_| ()).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    house.kms.takes(Duration::ZERO);
    let check =
        async || house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    house.kms.fails(400, "DisabledException");
    check().await;
    house.kms.decrypts(Decrypts::Well);
    check().await;
    slow.await.expect("it ends").expect("it was asked for once more");
    house.end().await;
}

async fn a_kms_slower_than_the_hold_time_is_not_asked_for_ever(t: &TestPortal) {
    let kms = FakeKms::start().await;
    let leases = Times { refresh: Duration::from_secs(1), hold: Duration::from_secs(1) };
    let mut settings = kms.settings();
    settings.custody = custody::Settings { leases, probe_every: None, ..settings.custody };
    let house = Customer::with_settings(t.kind(), kms, settings).await;
    house.register().await;
    house.kms.forget_calls();
    house.kms.takes(Duration::from_millis(200));
    let clock = house.t.clock.clone();
    let hurry = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            clock.advance(TimeDelta::milliseconds(700));
        }
    });
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsUnreachable(_)));
    hurry.abort();
    assert_eq!(house.kms.decrypt_calls(), 3);
    house.end().await;
}

async fn failures_are_tried_again_after_a_while_and_not_all_the_time(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.fails(400, "DisabledException");
    for _ in 0..200 {
        refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    }
    let calls = house.kms.decrypt_calls();
    assert!((1..=3).contains(&calls), "{calls} calls for 200 uses");
    for _ in 0..40 {
        house.wait(30);
        refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    }
    assert!(house.kms.decrypt_calls() >= calls + 40, "after thirty seconds it is always tried");
    house.kms.decrypts(Decrypts::Well);
    house.wait(30);
    house.use_key().await.expect("at once when it is tried again");
    house.end().await;
}

async fn managed_material_is_leased_too(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let key = t.portal.lease_key(&de, 1).await.expect("a key");
    let right = t.portal.material(&de, 1).await.expect("it opens");
    let used = t
        .portal
        .custody()
        .with_material(key, 1, 1, |material| material.expose().to_vec())
        .await
        .expect("leased");
    assert_eq!(used, right.expose());
    assert!(t.portal.custody().lease(&de, 1).await.expect("a view").held.is_some());
    let none = t.portal.lease_key(&de, 9).await.expect("a key");
    refused!(t.portal.custody().with_material(none, 1, 1, |_| ()).await, Error::NotFound);
    put_bytes(t.db(), "UPDATE key_version SET material = $1", &[0; 120]).await;
    t.clock.advance(chrono::TimeDelta::minutes(5));
    t.portal.custody().tend_leases().await;
    // Damaged, for as long as it is, and nobody else is blamed.
    for _ in 0..3 {
        let error = t.portal.custody().with_material(key, 1, 1, |_| ()).await.expect_err("it does not open");
        assert_eq!(error.word(), "damaged");
    }
    t.portal.overview().record_unproved().await.expect("recorded");
    let line =
        log(t).await.into_iter().find(|event| event.action == Action::DatabaseDamaged).expect("a line");
    assert_eq!(line.detail, "key of version 1 of scope production/DE");
    let shown = t.portal.keys().list(&de, 1).await.expect("the page").versions.remove(0);
    assert_eq!((shown.status, shown.is_proved), (Status::Active, false), "the page marks it");
    assert!(!t.portal.keys().version(&de, 1).await.expect("the page").0.is_proved);
}

async fn no_more_than_eight_calls_of_a_scope_are_under_way(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(30));
    let calls = (0..40).map(|_| {
        let (portal, de) = (house.t.portal.clone(), house.de.clone());
        async move { portal.material(&de, 1).await.map(drop) }
    });
    assert!(at_once(calls).await.into_iter().all(|done| done.is_ok()));
    assert_eq!(house.kms.most_under_way(), 8);
    house.end().await;
}

async fn preflights_leave_places_for_leases(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(1500));
    let checks = (0..12).map(|_| {
        let (portal, session, de) = (house.t.portal.clone(), house.ada.session.clone(), house.de.clone());
        async move { portal.custody().check_now(&session, &de, 1).await }
    });
    let checks: Vec<_> = checks.map(tokio::spawn).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.kms.takes(Duration::ZERO);
    let before = std::time::Instant::now();
    house.use_key().await.expect("a place was free");
    assert!(before.elapsed() < Duration::from_millis(700), "{:?}", before.elapsed());
    assert!(house.kms.most_under_way() <= 5);
    for check in checks {
        check.abort();
    }
    house.end().await;
}

async fn waiting_for_our_own_turn_is_not_called_an_outage_of_kms(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.kms.takes(Duration::from_millis(1700));
    let calls = (0..40).map(|_| {
        let (portal, de) = (house.t.portal.clone(), house.de.clone());
        async move { portal.material(&de, 1).await.map(drop) }
    });
    let done = at_once(calls).await;
    let is_busy = |done: &Result<(), Error>| matches!(done, Err(Error::Custody(CustodyError::KmsUnreachable(code))) if *code == FailureCode::BUSY);
    assert!(done.iter().any(is_busy) && done.iter().all(|done| done.is_ok() || is_busy(done)), "{done:?}");
    assert_eq!(house.health().await, (HealthState::Healthy, None));
    house.end().await;
}

async fn throttling_and_gateways_are_outages(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    for (status, code) in [
        (429, "RequestThrottled"),
        (400, "ThrottledException"),
        (400, "RequestLimitExceeded"),
        (408, "RequestTimeoutException"),
        (403, "ForbiddenException"),
    ] {
        house.kms.decrypts(Decrypts::Well);
        house.wait(60);
        house.use_key().await.expect("released");
        house.kms.fails(status, code);
        house.wait(300);
        house.t.portal.custody().tend_leases().await;
        house.use_key().await.expect("used while KMS says nothing of the key");
        assert_eq!(house.health().await.0, HealthState::Healthy, "{code}");
    }
    house.end().await;
}

async fn a_server_without_a_way_to_kms_does_not_speak_for_the_others(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let nowhere =
        custody::kms::Settings { endpoint_url: Some("http://127.0.0.1:9".into()), ..Default::default() };
    let mut settings = house.kms.settings();
    settings.custody.kms = nowhere;
    let cut_off = house.t.second_set(settings).await;
    let key = cut_off.lease_key(&house.de, 1).await.expect("a key");
    for _ in 0..20 {
        house.wait(60);
        // The server that cannot reach KMS always probes first.
        cut_off.custody().probe_due().await.expect("looked");
        house.t.portal.custody().probe_due().await.expect("looked");
        refused!(
            cut_off.custody().with_material(key, 1, 1, |_| ()).await,
            Error::Custody(CustodyError::KmsUnreachable(_))
        );
    }
    assert_eq!(logged(&house.t, Action::KeyHealth, Outcome::Done).await, 0, "nothing flaps");
    // Without the other server's probes, it reports the outage within three probes.
    for _ in 0..3 {
        house.wait(60);
        cut_off.custody().probe_due().await.expect("looked");
    }
    assert_eq!(house.health().await, (HealthState::Unreachable, Some("NotConnected".to_owned())));
    cut_off.close().await;
    house.end().await;
}

async fn a_row_that_cannot_be_read_is_refused_and_stops_no_other_probe(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let fr = scope(&house.t, &house.ada, "FR").await;
    let command =
        house.t.portal.keys().plan_create_aws(&house.ada.session, &fr, house.asked()).await.expect("a plan");
    house.t.portal.keys().create(proof(&house.t, &house.ada, &command).await).await.expect("registered");
    let only_de = "version_id = (SELECT k.id FROM key_version k JOIN scope s ON s.id = k.scope_id WHERE s.country = 'DE')";
    let healthy = format!("UPDATE holder SET health = 'healthy', health_code = NULL WHERE {only_de}");
    for (column, wrong) in [("location", "nowhere"), ("preflight", "{")] {
        let right =
            texts(house.t.db(), &format!("SELECT {column} FROM holder WHERE {only_de}")).await.remove(0);
        let put = async |value: &str| {
            let sql = format!("UPDATE holder SET {column} = '{value}' WHERE {only_de}");
            execute(house.t.db(), &sql).await.expect("put");
        };
        house.use_key().await.expect("released before");
        put(wrong).await;
        house.wait(60);
        house.kms.forget_calls();
        assert_eq!(house.t.portal.custody().probe_due().await.expect("looked"), 2, "{column}");
        assert_eq!(house.kms.decrypt_calls(), 1, "the other one was asked for");
        assert_eq!(house.health().await, (HealthState::Damaged, Some("Sealed".to_owned())), "{column}");
        assert_eq!(house.last().await.detail, "version 1: healthy → damaged (Sealed)");
        assert_eq!(house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held, None);
        let report =
            house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("a report");
        assert_eq!(report.summary(), "The credentials are valid: failed (Sealed)");
        put(&right).await;
        execute(house.t.db(), &healthy).await.expect("as before");
        house.wait(60);
        house.t.portal.custody().check_now(&house.ada.session, &house.de, 1).await.expect("checked");
    }
    house.end().await;
}

async fn health_is_probed_each_minute_by_one_server(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let other = house.t.second().await;
    assert_eq!(
        house.t.portal.custody().probe_due().await.expect("looked"),
        0,
        "the pre-flight was the first"
    );
    house.wait(60);
    let (here, there) = tokio::join!(house.t.portal.custody().probe_due(), other.custody().probe_due());
    assert_eq!(here.expect("looked") + there.expect("looked"), 1);
    assert_eq!(house.kms.decrypt_calls(), 1);
    assert_eq!(
        house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held,
        None,
        "a probe keeps nothing"
    );
    other.close().await;
    house.end().await;
}

async fn each_change_of_health_is_one_event(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let probe = async || {
        house.wait(60);
        assert_eq!(house.t.portal.custody().probe_due().await.expect("looked"), 1);
        let version = house.t.portal.keys().list(&house.de, 1).await.expect("the page").versions.remove(0);
        let health = version.health.expect("it has a health");
        let lacks =
            house.t.portal.overview().tree().await.expect("the tree").environments[0].countries[0].lacks;
        (health.state, health.code.map(|code| code.as_str().to_owned()), lacks, health.since)
    };
    let events = async || logged(&house.t, Action::KeyHealth, Outcome::Done).await;
    house.use_key().await.expect("released");
    house.kms.fails(400, "DisabledException");
    let (state, code, lacks, since) = probe().await;
    assert_eq!(
        (state, code.as_deref(), lacks),
        (HealthState::Refused, Some("DisabledException"), Some(Lack::Refused))
    );
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsRefused(_)));
    assert_eq!(house.last().await.detail, "version 1: healthy → refused (DisabledException)");
    house.kms.fails(400, "AccessDeniedException");
    let (_, code, _, still) = probe().await;
    assert_eq!(
        (code.as_deref(), still, events().await),
        (Some("AccessDeniedException"), since, 1),
        "the same state"
    );
    house.kms.decrypts(Decrypts::Page(502));
    assert_eq!(probe().await.2, Some(Lack::Refused), "one failure is no outage yet");
    house.wait(30);
    assert_eq!(probe().await.2, Some(Lack::Unreachable));
    house.wait(30);
    house.kms.decrypts(Decrypts::Well);
    let (state, code, lacks, _) = probe().await;
    assert_eq!((state, code, lacks, events().await), (HealthState::Healthy, None, None, 3));
    house.use_key().await.expect("a success ends the waiting");
    house.end().await;
}

async fn deprecated_versions_are_not_probed_and_still_decrypt(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    create(&house.t, &house.ada, &house.de, RotationPeriod::Days30).await;
    house.wait(120);
    assert_eq!(house.t.portal.custody().probe_due().await.expect("looked"), 0);
    house.use_key().await.expect("version 1 is Deprecated and decrypts");
    let shown = house.t.portal.custody().aws_key(&house.de, 1).await.expect("a key").expect("of AWS");
    assert_eq!(shown.probe_at, None);
    house.end().await;
}

async fn the_clock_says_when_a_refusal_is_obeyed(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    house.use_key().await.expect("released");
    house.wait(48);
    let held = house.t.portal.custody().lease(&house.de, 1).await.expect("a view").held.expect("held");
    let now = house.t.clock.now();
    assert_eq!((held.refresh_at - now).num_seconds(), 252);
    assert_eq!((held.hold_until - now).num_seconds(), 3552);
    assert_eq!((now - held.released_at).num_seconds(), 48);
    house.end().await;
}

async fn both_times_are_settings_and_probes_can_be_switched_off(t: &TestPortal) {
    let kms = FakeKms::start().await;
    let leases = Times { refresh: Duration::from_secs(10), hold: Duration::from_secs(25) };
    let mut settings = kms.settings();
    settings.custody = custody::Settings { leases, probe_every: None, ..settings.custody };
    let house = Customer::with_settings(t.kind(), kms, settings).await;
    house.register().await;
    house.kms.forget_calls();
    house.use_key().await.expect("released");
    house.wait(10);
    house.t.portal.custody().tend_leases().await;
    assert_eq!(house.kms.decrypt_calls(), 2);
    house.use_key().await.expect("from memory");
    house.kms.decrypts(Decrypts::Page(502));
    house.wait(24);
    house.use_key().await.expect("KMS cannot be reached");
    house.wait(1);
    refused!(house.use_key().await, Error::Custody(CustodyError::KmsUnreachable(_)));
    house.wait(24 * 3600);
    assert_eq!(house.t.portal.custody().probe_due().await.expect("looked"), 0);
    house.end().await;
}

async fn each_server_shows_what_the_others_hold(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let (here, there) = (&house.t.portal, house.t.second().await);
    let seen_from =
        async |portal: &Portal| portal.custody().notes().of_others(&house.de, 1).await.expect("a list");
    let rows = async || number(house.t.db(), "SELECT COUNT(*) FROM server_lease").await;
    here.custody().notes().write().await;
    assert_eq!(
        number(house.t.db(), "SELECT COUNT(*) FROM server").await,
        0,
        "who holds nothing writes nothing"
    );
    house.use_key().await.expect("released");
    here.custody().notes().write().await;
    assert_eq!(seen_from(here).await, [], "a server is none of the others");
    let [one] = &seen_from(&there).await[..] else { panic!("one server") };
    let own = here.custody().lease(&house.de, 1).await.expect("a view").held.expect("held");
    let held = one.lease.held.expect("held");
    assert_eq!(held.released_at, own.released_at);
    assert!(
        (held.hold_until - own.hold_until).abs() < TimeDelta::seconds(1)
            && !one.is_silent(house.t.clock.now())
    );

    // A refusal wipes the material, and the next note says so.
    house.kms.fails(400, "DisabledException");
    house.wait(60);
    here.custody().probe_due().await.expect("probed");
    here.custody().notes().write().await;
    let [one] = &seen_from(&there).await[..] else { panic!("one server") };
    assert_eq!(
        (one.lease.held, one.lease.trouble.as_ref().map(FailureCode::as_str)),
        (None, Some("DisabledException"))
    );

    // A server that stops in order is gone at once.
    house.kms.decrypts(Decrypts::Well);
    house.wait(60);
    here.custody().probe_due().await.expect("probed");
    house.use_key().await.expect("released again");
    let key = there.lease_key(&house.de, 1).await.expect("a key");
    there.custody().with_material(key, 1, 1, |_| ()).await.expect("released there");
    for portal in [here, &there] {
        portal.custody().notes().write().await;
    }
    assert_eq!((seen_from(here).await.len(), seen_from(&there).await.len(), rows().await), (1, 1, 2));
    there.close().await;
    assert_eq!((seen_from(here).await, rows().await), (vec![], 1));

    // One that was killed falls silent. Its row stays while its material might live, and is swept after that.
    let third = house.t.second().await;
    assert_eq!(seen_from(&third).await.len(), 1);
    house.wait(40);
    assert!(seen_from(&third).await[0].is_silent(house.t.clock.now()));
    house.wait(60 * 60);
    assert_eq!(seen_from(&third).await, [], "no material lives that long");
    house.wait(60 * 60);
    third.sweep().await.expect("swept");
    assert_eq!(rows().await, 0);
    house.end().await;
}
