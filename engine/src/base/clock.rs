//! The only place that reads the clock.

#[cfg(feature = "testing")]
use chrono::TimeDelta;
use chrono::{DateTime, SubsecRound, Utc};
#[cfg(feature = "testing")]
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock with a resolution of microseconds, which is what both databases store.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(feature = "testing")]
    Set(Arc<Mutex<Standing>>),
}

#[cfg(feature = "testing")]
struct Standing {
    now: DateTime<Utc>,
    /// How far the time of day was set back, which monotonic time never is.
    back: TimeDelta,
}

/// Monotonic time. It also advances while the machine sleeps; the time of day, by contrast, may be set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(Duration);

impl Steady {
    /// Returns the time that has passed since `earlier`.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a clock that stands still until a test advances it.
    #[cfg(feature = "testing")]
    pub fn standing_at(at: DateTime<Utc>) -> Self {
        Self(Source::Set(Arc::new(Mutex::new(Standing { now: at, back: TimeDelta::zero() }))))
    }

    /// Advances a standing clock.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Set(at) = &self.0 {
            at.lock().expect("the clock's lock").now += by;
        }
    }

    /// Sets the time of day of a standing clock back.
    #[cfg(feature = "testing")]
    pub fn set_back(&self, by: TimeDelta) {
        if let Source::Set(at) = &self.0 {
            let mut at = at.lock().expect("the clock's lock");
            at.now -= by;
            at.back += by;
        }
    }

    pub fn steady(&self) -> Steady {
        Steady(match &self.0 {
            Source::System => {
                let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Duration::try_from(since).unwrap_or_default()
            }
            #[cfg(feature = "testing")]
            Source::Set(at) => {
                let at = at.lock().expect("the clock's lock");
                (at.now + at.back - DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
            }
        })
    }

    pub fn now(&self) -> DateTime<Utc> {
        let now = match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place that may")]
            Source::System => Utc::now(),
            #[cfg(feature = "testing")]
            Source::Set(at) => at.lock().expect("the clock's lock").now,
        };
        now.trunc_subsecs(6)
    }
}
