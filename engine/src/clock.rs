//! The only place that reads the clock.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
#[cfg(feature = "testing")]
use std::sync::{Arc, Mutex};

/// The time, in microseconds: what both databases keep.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(feature = "testing")]
    Set(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    #[cfg(feature = "testing")]
    pub fn standing_at(at: DateTime<Utc>) -> Self {
        Self(Source::Set(Arc::new(Mutex::new(at))))
    }

    /// Moves a standing clock.
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Set(at) = &self.0 {
            *at.lock().expect("the clock's lock") += by;
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        let now = match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place that may")]
            Source::System => Utc::now(),
            #[cfg(feature = "testing")]
            Source::Set(at) => *at.lock().expect("the clock's lock"),
        };
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }
}
