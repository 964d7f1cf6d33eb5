//! Background jobs: each is repeated until the server ends.

use engine::audit::journal;
use engine::changes::strangers;
use engine::custody::{health, lease};
use engine::data::access;
use engine::keys::scheduler;
use engine::vault::latest;
use engine::{Error, Portal};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Interval of the sweeps that remove ended sessions and old counters.
const SWEEP: Duration = Duration::from_secs(300);
/// Interval of comparisons of the clock with the database's.
const COMPARE: Duration = Duration::from_secs(10);

/// Interval at which SQLite's newest changes are copied to its file, and a trace of them is left.
const SETTLE: Duration = Duration::from_secs(1);
/// Interval at which times of the future are looked for.
const LOOK_AHEAD: Duration = Duration::from_secs(60);
/// Interval at which the metrics of the last backup are renewed.
const UPKEEP: Duration = Duration::from_secs(15);

type Work = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A background job. Each has a task of its own, so that a slow one delays no other.
struct Job {
    every: Duration,
    run: fn(Portal) -> Work,
    /// Log message of a failure; the next round retries.
    failed: &'static str,
}

const JOBS: [Job; 17] = [
    Job {
        every: scheduler::EVERY,
        run: |portal| {
            Box::pin(async move {
                let rotated = portal.keys().rotate_due().await?;
                metrics::counter!("keystead_automatic_rotations_total").increment(u64::from(rotated));
                Ok(())
            })
        },
        failed: "the search for due rotations failed; it will be retried",
    },
    Job {
        every: SWEEP,
        run: |portal| Box::pin(async move { portal.sweep().await }),
        failed: "the cleanup of ended sessions and old counters failed; it will be retried",
    },
    Job {
        every: COMPARE,
        run: |portal| Box::pin(async move { portal.compare_clock().await }),
        failed: "the clock could not be compared with the database's; it will be retried",
    },
    Job {
        every: strangers::EVERY,
        run: |portal| Box::pin(async move { portal.changes().strangers().record_due().await }),
        failed: "the number of wrong sign-ins could not be recorded; it will be retried",
    },
    Job {
        every: latest::EVERY,
        run: |portal| Box::pin(async move { portal.record_time().await }),
        failed: "the time by which API keys expire could not be recorded; it will be retried",
    },
    Job {
        every: lease::EVERY,
        run: |portal| {
            Box::pin(async move {
                portal.custody().tend_leases().await;
                Ok(())
            })
        },
        failed: "the maintenance of key leases failed; it will be retried",
    },
    // Separate from the job before, so that a slow KMS does not delay refusals that other servers received.
    Job {
        every: lease::EVERY,
        run: |portal| Box::pin(async move { portal.custody().apply_remote_refusals().await }),
        failed: "KMS refusals recorded by other servers could not be read; it will be retried",
    },
    Job {
        every: health::EVERY,
        run: |portal| Box::pin(async move { portal.custody().probe_due().await.map(drop) }),
        failed: "the health checks of keys failed; they will be retried",
    },
    Job {
        every: access::EVERY,
        run: |portal| Box::pin(async move { portal.access().refresh().await }),
        failed: "changes for the data plane could not be loaded; it will be retried",
    },
    Job {
        every: access::NOTED,
        run: |portal| {
            Box::pin(async move {
                note_uses(&portal).await;
                Ok(())
            })
        },
        failed: "key usage could not be recorded; it will be retried",
    },
    Job {
        every: journal::EVERY,
        run: |portal| {
            Box::pin(async move {
                let tended = portal.audit().tend_journal().await;
                show_journal(&portal);
                tended
            })
        },
        failed: "the maintenance of the journal failed; it will be retried",
    },
    Job {
        every: SETTLE,
        run: |portal| Box::pin(async move { portal.settle().await }),
        failed: "the newest changes could not be copied to the database's file; it will be retried",
    },
    Job {
        every: SETTLE,
        run: |portal| Box::pin(async move { portal.overview().leave_trace().await }),
        failed: "the trace of the database could not be written; it will be retried",
    },
    Job {
        every: SETTLE,
        run: |portal| Box::pin(async move { portal.overview().record_unproved().await }),
        failed: "rows that do not verify could not be recorded in the audit log; it will be retried",
    },
    Job {
        every: UPKEEP,
        run: |portal| Box::pin(show_upkeep(portal)),
        failed: "the time of the last backup could not be read; it will be retried",
    },
    Job {
        every: LOOK_AHEAD,
        run: |portal| Box::pin(async move { portal.overview().look_ahead().await }),
        failed: "times of the future could not be counted; it will be retried",
    },
    // Separate from the maintenance of the journal, so that a slow database does not keep the journal from the disk.
    Job {
        every: journal::EVERY,
        run: |portal| Box::pin(async move { portal.audit().sync_journal().await }),
        failed: "the journal could not be synced to disk; until it can, each event is synced before its answer",
    },
];

/// Starts every job.
pub(crate) fn start(portal: &Portal) -> JoinSet<()> {
    JOBS.iter().map(|job| keep(portal.clone(), job)).collect()
}

async fn keep(portal: Portal, job: &'static Job) {
    let mut ticks = tokio::time::interval(job.every);
    // After a round that took longer than its interval, the job pauses for a whole interval.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = (job.run)(portal.clone()).await {
            tracing::error!(%error, "{}", job.failed);
        }
    }
}

/// Records when each API key was last used, how much each version was used, and what this server holds in memory.
pub(crate) async fn note_uses(portal: &Portal) {
    portal.access().note_uses().await;
    portal.services().note_uses().await;
    portal.custody().notes().write().await;
}

fn show_journal(portal: &Portal) {
    let states = [
        ("keystead_journal_on_reserve", portal.audit().is_journal_on_reserve()),
        ("keystead_journal_writable", portal.audit().is_journal_writable()),
    ];
    for (name, is_so) in states {
        metrics::gauge!(name).set(if is_so { 1.0 } else { 0.0 });
    }
}

async fn show_upkeep(portal: Portal) -> Result<(), Error> {
    static UNKNOWN: AtomicU64 = AtomicU64::new(0);
    let unknown = portal.access().unknown_versions();
    metrics::counter!("keystead_unknown_versions_total").absolute(unknown);
    // Logged by count and not one by one, because a stranger with a key may send any number of them.
    let more = unknown.saturating_sub(UNKNOWN.swap(unknown, Ordering::Relaxed));
    if more > 0 {
        tracing::warn!(
            items = more,
            "services sent items of versions that their scopes do not have; if a backup was restored, versions may be lost"
        );
    }
    let upkeep = portal.overview().upkeep().await?;
    let made = upkeep.backup_at.map_or(0.0, |at| at.timestamp() as f64);
    metrics::gauge!("keystead_last_backup_timestamp_seconds").set(made);
    metrics::gauge!("keystead_future_rows").set(upkeep.ahead as f64);
    metrics::gauge!("keystead_unproved_rows").set(upkeep.unproved as f64);
    metrics::gauge!("keystead_database_older").set(if upkeep.older_than.is_some() { 1.0 } else { 0.0 });
    Ok(())
}

/// Leaves a trace of the last state of the database that this server sees.
pub(crate) async fn leave_last_trace(portal: &Portal) {
    let looked = portal.access().refresh().await;
    let left = match looked {
        Ok(()) => portal.overview().leave_trace().await,
        Err(error) => Err(error),
    };
    if let Err(error) = left {
        tracing::warn!(%error, "the last trace of the database could not be written");
    }
}
