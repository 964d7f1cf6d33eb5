//! Several servers on one PostgreSQL: conflicts that the database resolves, a pooler between them,
//! clocks that differ.

use crate::support::*;
use domain::keys::limits::DailyLimits;
use domain::keys::rotation::RotationPeriod;
use engine::base::error::StoreError;
use engine::base::error::VaultError;
use engine::store::{Pooler, Tx};
use engine::testing::{DatabaseKind, Place, TestPortal, root_key, transaction};
use engine::{Clock, Error, Portal, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Barrier;

const SERIALIZABLE: &[(&str, &str)] = &[("default_transaction_isolation", "serializable")];

async fn on(parameters: &[(&str, &str)], pooler: Pooler) -> TestPortal {
    TestPortal::on(Place::postgres(parameters, pooler).await, DailyLimits::default()).await
}

/// Runs two transactions at once that meet in the middle of their first run, so that the database
/// must abort one of them. Returns the number of runs.
async fn cross<F>(t: &TestPortal, transaction: impl Fn(usize, Tx, Option<Arc<Barrier>>) -> F) -> usize
where
    F: Future<Output = Result<(), Error>>,
{
    let (runs, meet) = (AtomicUsize::new(0), Arc::new(Barrier::new(2)));
    let (runs, meet, transaction) = (&runs, &meet, &transaction);
    let one = |number| {
        transaction::write(t.db(), move |tx| {
            let is_first_run = runs.fetch_add(1, Ordering::SeqCst) < 2;
            transaction(number, tx, is_first_run.then(|| meet.clone()))
        })
    };
    let (first, second) = tokio::join!(one(0), one(1));
    first.expect("it was run again until it came through");
    second.expect("it was run again until it came through");
    runs.load(Ordering::SeqCst)
}

async fn at(barrier: Option<Arc<Barrier>>) {
    if let Some(barrier) = barrier {
        barrier.wait().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serialization_failure_is_run_again() {
    let t = on(SERIALIZABLE, Pooler::None).await;
    let runs = cross(&t, async |number, mut tx, barrier| {
        let canary = transaction::canary(&mut tx).await?;
        at(barrier).await;
        let canary = [&canary[..], &[u8::try_from(number).expect("small")]].concat();
        transaction::set_canary(&mut tx, &canary).await?;
        transaction::commit(tx).await
    })
    .await;
    assert!(runs > 2, "there was a conflict");
    // Both writes are there, one after the other.
    let canary = bytes(t.db(), "SELECT canary FROM instance").await;
    assert!(canary.ends_with(&[0, 1]) || canary.ends_with(&[1, 0]), "nothing was lost");
    println!("figure: serialization failure (40001): two transactions took {runs} runs, both done once");
    t.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_run_again() {
    let t = on(&[("deadlock_timeout", "50ms")], Pooler::None).await;
    let ada = t.administrator().await;
    let mut scopes = Vec::new();
    for country in ["DE", "FR"] {
        let name = scope(&t, &ada, country).await;
        scopes.push(transaction::lock_of(t.db(), &name).await.expect("a scope"));
    }
    let scopes = &scopes;
    let runs = cross(&t, async |number, mut tx, barrier| {
        transaction::lock(&mut tx, scopes[number]).await?;
        at(barrier).await;
        transaction::lock(&mut tx, scopes[1 - number]).await?;
        transaction::commit(tx).await
    })
    .await;
    assert_eq!(runs, 3, "one of them was ended, and ran again");
    println!("figure: deadlock (40P01): two transactions took {runs} runs, both done once");
    t.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_does_not_end_is_told() {
    let t = on(SERIALIZABLE, Pooler::None).await;
    let before = bytes(t.db(), "SELECT canary FROM instance").await;
    let runs = AtomicUsize::new(0);
    let (db, counted) = (t.db(), &runs);
    let done = transaction::write(db, async |mut tx| {
        counted.fetch_add(1, Ordering::SeqCst);
        transaction::canary(&mut tx).await?;
        execute(db, "UPDATE instance SET audit_sequence = audit_sequence")
            .await
            .expect("somebody else was quicker");
        transaction::set_canary(&mut tx, b"lost").await?;
        transaction::commit(tx).await
    });
    refused!(done.await, Error::Store(StoreError::Database(_)));
    assert_eq!(runs.load(Ordering::SeqCst), 4, "once, and three times again");
    assert_eq!(bytes(t.db(), "SELECT canary FROM instance").await, before, "nothing is left of it");
    t.end().await;
}

/// Opens a portal whose clock is off the real time by a number of seconds.
async fn off_by(place: &Place, seconds: i64) -> (Portal, Clock) {
    let clock = Clock::standing_at(Clock::system().now() + chrono::TimeDelta::seconds(seconds));
    let portal = Portal::open(place.connect().await, &root_key(), clock.clone(), Settings::default()).await;
    let portal = portal.expect("the portal opens");
    portal.compare_clock().await.expect("the clocks are compared");
    (portal, clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_accepts_no_code_and_rotates_nothing() {
    let place = Place::fresh(DatabaseKind::Postgres).await;
    let (right, clock) = off_by(&place, 0).await;
    let (seed, _) = right
        .administrators()
        .create("ada@example.com", text(engine::testing::PASSWORD), None, |_, _| Ok(()))
        .await
        .expect("made");
    for seconds in [-45, 45, 3_600] {
        let (wrong, clock) = off_by(&place, seconds).await;
        let half = half_way(&wrong, "ada@example.com").await;
        let code = seed.code(clock.now());
        refused!(
            wrong.people().check_sign_in_code(&half, &code).await,
            Error::Vault(VaultError::ClockOff { .. })
        );
        refused!(wrong.keys().rotate_due().await, Error::Vault(VaultError::ClockOff { .. }));
        // The operator sets the clock, and the server goes on without a restart.
        clock.advance(chrono::TimeDelta::seconds(-seconds));
        wrong.compare_clock().await.expect("the clocks are compared");
        wrong.keys().rotate_due().await.expect("it rotates");
        wrong.close().await;
    }
    let (late, _) = off_by(&place, 10).await;
    late.keys().rotate_due().await.expect("ten seconds are only worth a warning");
    late.close().await;
    let half = half_way(&right, "ada@example.com").await;
    right
        .people()
        .check_sign_in_code(&half, &seed.code(clock.now()))
        .await
        .expect("no wrong clock spent or counted anything");
    right.close().await;
    place.remove().await;
}

/// Runs in the mode for a transaction pooler, without a pooler.
#[tokio::test(flavor = "multi_thread")]
async fn the_mode_for_poolers_does_the_same() {
    let t = on(&[], Pooler::Transaction).await;
    let ada = t.administrator().await;
    let de = scope(&t, &ada, "DE").await;
    create(&t, &ada, &de, RotationPeriod::Days30).await;
    t.clock.advance(chrono::TimeDelta::days(31));
    assert_eq!(t.portal.keys().rotate_due().await.expect("it rotates"), 1);
    assert_eq!(versions(&t, &de).await, [(1, "deprecated"), (2, "active")]);
    t.end().await;
}
