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
        // Without room the thing that was met least often makes room, and leaves its number to the new one: what is met often is then
        // remembered whoever else comes ("space saving", Metwally et al. 2005). Such a thing is logged only if the old one is idle: a
        // stranger must not write lines without end.
        let mut new = Remembered { thing, times: 1, last: now };
        if all.len() >= MOST
            && let Some(least) = all.iter_mut().min_by_key(|known| (known.times, known.last))
        {
            let is_logged = now.duration_since(least.last) >= IDLE;
            new.times = least.times.saturating_add(1);
            *least = new;
            return is_logged;
        }
        all.push(new);
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
    fn what_is_met_often_is_remembered_whoever_else_comes() {
        let (once, now) = (Once::default(), Instant::now());
        for round in 0..1000_u32 {
            once.is_new(round, now);
            once.is_new(u32::MAX, now);
        }
        assert_eq!(once.commonest(now), Some(u32::MAX));
    }

    #[test]
    fn memory_and_lines_are_bounded() {
        let (once, now) = (Once::default(), Instant::now());
        let lines = |from: usize, at| (from..from + 1000).filter(|number| once.is_new(*number, at)).count();
        assert_eq!((lines(0, now), lines(5000, now + IDLE / 2), lines(9000, now + IDLE)), (MOST, 0, MOST));
    }
}
