//! Work in the background: looked at again and again until the server ends.

use engine::Portal;
use engine::audit::journal;
use engine::custody::{health, lease};
use engine::data::access;
use engine::keys::scheduler;
use std::time::Duration;

const SWEEP: Duration = Duration::from_secs(300);

/// How often the clock is compared with the database's.
const COMPARE: Duration = Duration::from_secs(10);

/// Work that comes again: what took longer than it should is followed by a whole pause.
fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// Rotates what is due, every few seconds, and sweeps what is over, every few minutes.
pub(crate) async fn keep_working(portal: Portal) {
    let mut rotate = ticks(scheduler::EVERY);
    let mut sweep = tokio::time::interval(SWEEP);
    // The start has compared already.
    let mut compare = tokio::time::interval_at(tokio::time::Instant::now() + COMPARE, COMPARE);
    loop {
        let done = tokio::select! {
            _ = rotate.tick() => portal.keys().rotate_due().await.map(|rotated| {
                metrics::counter!("keystead_automatic_rotations_total").increment(u64::from(rotated));
            }),
            _ = sweep.tick() => portal.sweep().await,
            _ = compare.tick() => portal.compare_clock().await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "background work failed; it is tried again");
        }
    }
}

/// Looks after the leases; a KMS that is slow holds up nothing else.
pub(crate) async fn keep_leases(portal: Portal) {
    let mut tend = ticks(lease::EVERY);
    loop {
        tend.tick().await;
        portal.custody().tend_leases().await;
    }
}

/// Obeys what other servers were refused.
pub(crate) async fn keep_obeying(portal: Portal) {
    let mut heed = ticks(lease::EVERY);
    loop {
        heed.tick().await;
        if let Err(error) = portal.custody().apply_remote_refusals().await {
            tracing::error!(%error, "what other servers were refused could not be read; it is tried again");
        }
    }
}

/// Looks what other servers changed for the data plane. Apart from everything that writes, so that nothing holds it up.
pub(crate) async fn keep_looking(portal: Portal) {
    let mut look = ticks(access::EVERY);
    loop {
        look.tick().await;
        if let Err(error) = portal.access().refresh().await {
            tracing::error!(%error, "what changed for the data plane could not be read; it is tried again");
        }
    }
}

/// Writes down when keys were used, and how much each version is.
pub(crate) async fn keep_noting(portal: Portal) {
    let mut note = ticks(access::NOTED);
    loop {
        note.tick().await;
        portal.access().note_uses().await;
        portal.services().note_uses().await;
    }
}

/// Probes the health of the customers' keys.
pub(crate) async fn keep_probing(portal: Portal) {
    let mut probe = ticks(health::EVERY);
    loop {
        probe.tick().await;
        if let Err(error) = portal.custody().probe_due().await {
            tracing::error!(%error, "the health of keys could not be probed; it is tried again");
        }
    }
}

/// Looks after the journal: its files become rows, its oldest rows go.
pub(crate) async fn keep_journal(portal: Portal) {
    let mut tend = ticks(journal::EVERY);
    loop {
        tend.tick().await;
        if let Err(error) = portal.audit().tend_journal().await {
            tracing::error!(%error, "the journal could not be looked after; it is tried again");
        }
        let states = [
            ("keystead_journal_on_reserve", portal.audit().is_journal_on_reserve()),
            ("keystead_journal_writable", portal.audit().is_journal_writable()),
        ];
        for (name, is_so) in states {
            metrics::gauge!(name).set(if is_so { 1.0 } else { 0.0 });
        }
    }
}

/// Puts the journal on the disk; a database that is slow holds up nothing of it.
pub(crate) async fn keep_syncing(portal: Portal) {
    let mut sync = ticks(journal::EVERY);
    loop {
        sync.tick().await;
        if let Err(error) = portal.audit().sync_journal().await {
            tracing::error!(%error, "the journal could not be synced; until it can, each event is before its answer");
        }
    }
}
