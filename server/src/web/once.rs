//! Things of which the log needs one line each, and which strangers can cause as often as they like.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of things that are remembered.
const MOST: usize = 16;
/// Time after which a thing makes room for a new one. It bounds the log: to `MOST` lines in this time.
const IDLE: Duration = Duration::from_secs(60);
/// Time after which a thing is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The things of which the log has a line.
pub struct Once<T>(Mutex<Vec<Remembered<T>>>);

struct Remembered<T> {
    thing: T,
    times: u64,
    last: Instant,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: PartialEq + Clone> Once<T> {
    /// Remembers a thing; returns whether the log needs a line about it.
    pub fn is_new(&self, thing: T, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| now.duration_since(known.last) < FORGOTTEN);
        if let Some(known) = all.iter_mut().find(|known| known.thing == thing) {
            known.times = known.times.saturating_add(1);
            known.last = now;
            return false;
        }
        if all.len() >= MOST {
            // Without room nothing is logged: a stranger must not write lines without end.
            let idle = all.iter().position(|known| now.duration_since(known.last) >= IDLE);
            let Some(idle) = idle else { return false };
            all.swap_remove(idle);
        }
        all.push(Remembered { thing, times: 1, last: now });
        true
    }

    /// Returns the thing that was met most often within a day.
    pub fn commonest(&self, now: Instant) -> Option<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = all.iter().filter(|known| now.duration_since(known.last) < FORGOTTEN);
        lately.max_by_key(|known| known.times).map(|known| known.thing.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_one_line_a_day() {
        let (once, now) = (Once::default(), Instant::now());
        assert!(once.is_new("a", now) && once.is_new("b", now));
        assert!(
            !once.is_new("b", now + IDLE) && !once.is_new("a", now + IDLE) && !once.is_new("b", now + IDLE)
        );
        assert_eq!(once.commonest(now + IDLE), Some("b"));
        assert_eq!(once.commonest(now + IDLE + FORGOTTEN), None);
        assert!(once.is_new("a", now + IDLE + FORGOTTEN));
    }

    #[test]
    fn memory_and_lines_are_bounded() {
        let (once, now) = (Once::default(), Instant::now());
        let lines = |from: usize, at| (from..from + 1000).filter(|number| once.is_new(*number, at)).count();
        assert_eq!((lines(0, now), lines(5000, now + IDLE / 2), lines(9000, now + IDLE)), (MOST, 0, MOST));
    }
}
