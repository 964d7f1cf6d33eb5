//! The latest time that any server has seen. It goes on while the clock of a server is set back, so that an API key that has expired
//! stays expired.
//!
//! A server records its time once a minute, if its clock has run evenly for ten minutes: the time of a clock that is ahead for a
//! moment, for example while a virtual machine starts, is not recorded. A recorded time of the future ends API keys too early;
//! `keystead doctor --correct-times` corrects it.

use crate::Error;
use crate::base::clock::Steady;
use crate::vault::opened::{AHEAD, Vault};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Interval at which a server records its time.
pub const EVERY: Duration = Duration::from_secs(60);
/// How long a clock must have run evenly before its time is recorded.
const EVENLY: Duration = Duration::from_secs(600);

/// What this server knows of the latest time.
#[derive(Default)]
pub(crate) struct Latest {
    /// Microseconds. The data plane reads it with every request.
    floor: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time that the database has, and when this server first read it.
    recorded: Option<(DateTime<Utc>, Steady)>,
    /// The time at which the steady clock was zero, by the time of day, and since when that is so.
    pace: Option<(DateTime<Utc>, Steady)>,
    /// The clock was found behind, and that was logged.
    is_behind: bool,
}

impl State {
    /// Returns the recorded time, and what has passed since.
    fn floor(&self, steady: Steady) -> Option<DateTime<Utc>> {
        let (recorded, read) = self.recorded?;
        let passed = TimeDelta::from_std(steady.since(read)).unwrap_or_default();
        recorded.checked_add_signed(passed)
    }

    /// Returns the time to record, if there is one, in microseconds as databases store it.
    fn due(&mut self, now: DateTime<Utc>, steady: Steady) -> Option<DateTime<Utc>> {
        let began = now - TimeDelta::from_std(steady.since(Steady::default())).unwrap_or_default();
        let is_even = |(before, _): (DateTime<Utc>, Steady)| (began - before).abs() <= AHEAD;
        let pace = self.pace.filter(|pace| is_even(*pace)).unwrap_or((began, steady));
        self.pace = Some(pace);
        let floor = self.floor(steady);
        let is_behind = floor.is_some_and(|floor| now + AHEAD < floor);
        if is_behind && !self.is_behind {
            tracing::error!(
                latest = floor.map(tracing::field::display),
                "the clock of this server is behind a time that was recorded; API keys expire by the recorded time; correct the \
                 clock, or run `keystead doctor`"
            );
        }
        self.is_behind = is_behind;
        if is_behind {
            return floor.map(|floor| floor.trunc_subsecs(6));
        }
        let is_later = self.recorded.is_none_or(|(recorded, _)| now > recorded);
        (is_later && steady.since(pace.1) >= EVENLY).then_some(now)
    }
}

impl Latest {
    /// Notes the time that the database has.
    pub(super) fn note(&self, recorded: Option<DateTime<Utc>>, steady: Steady) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.recorded.map(|(at, _)| at) != recorded {
            state.recorded = recorded.map(|at| (at, steady));
        }
        let floor = state.floor(steady).map_or(i64::MIN, |floor| floor.timestamp_micros());
        self.floor.store(floor, Ordering::Relaxed);
    }

    /// Returns this time of the clock, or the latest that a server has recorded.
    pub(crate) fn or_later(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let floor = DateTime::from_timestamp_micros(self.floor.load(Ordering::Relaxed));
        floor.map_or(now, |floor| now.max(floor))
    }
}

/// Returns the time by which API keys expire.
pub(crate) fn time_of_expiry(vault: &Vault) -> DateTime<Utc> {
    vault.latest().or_later(vault.now())
}

/// Records the time of this server, if it is later than the recorded one.
///
/// # Errors
/// When the database fails.
pub(crate) async fn record(vault: &Vault) -> Result<(), Error> {
    // The log says already that the clock is off.
    if vault.require_clock().is_err() {
        return Ok(());
    }
    let (due, before) = {
        let mut state = vault.latest().state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.due(vault.now(), vault.steady()), state.recorded.map(|(at, _)| at))
    };
    let Some(at) = due else { return Ok(()) };
    let recorded = vault.db().write(|mut tx| async move {
        tx.instance().set_latest(at, before).await?;
        tx.commit_unaudited("the time by which API keys expire").await
    });
    recorded.await
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: TimeDelta = TimeDelta::minutes(1);

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + MINUTE * 1_000_000 + MINUTE * i32::try_from(minutes).expect("few")
    }

    fn steady(minutes: u64) -> Steady {
        Steady::default().plus(Duration::from_secs(60 * (1000 + minutes)))
    }

    /// Runs the server for so many minutes, and returns the latest time that it recorded.
    fn run(
        latest: &Latest,
        minutes: std::ops::Range<u64>,
        clock: impl Fn(u64) -> DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        for minute in minutes {
            let due = latest.state.lock().expect("the lock").due(clock(minute), steady(minute));
            if due.is_some() {
                latest.note(due, steady(minute));
            }
        }
        latest.state.lock().expect("the lock").recorded.map(|(at, _)| at)
    }

    #[test]
    fn a_clock_that_is_set_back_takes_no_time_back() {
        let latest = Latest::default();
        let right = |minute: u64| at(i64::try_from(minute).expect("few"));
        assert_eq!(run(&latest, 0..10, right), None, "it has not run evenly for ten minutes");
        assert_eq!(run(&latest, 10..31, right), Some(at(30)));
        assert_eq!(run(&latest, 31..61, |minute| right(minute) - TimeDelta::days(2)), Some(at(60)));
        assert_eq!(
            run(&latest, 61..71, right),
            Some(at(60)),
            "for ten minutes, it is not sure which is right"
        );
        assert_eq!(run(&latest, 71..81, right), Some(at(80)));
    }

    #[test]
    fn a_clock_that_is_ahead_for_a_moment_is_not_recorded() {
        let latest = Latest::default();
        let right = |minute: u64| at(i64::try_from(minute).expect("few"));
        run(&latest, 0..31, right);
        assert_eq!(run(&latest, 31..40, |minute| right(minute) + TimeDelta::days(400)), Some(at(30)));
        assert_eq!(run(&latest, 40..60, right), Some(at(59)));
    }
}
