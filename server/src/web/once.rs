//! Things of which the log needs one line each, and which strangers can cause as often as they like.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of things that are remembered, and of lines in a minute.
const MOST: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);
/// Time after which a thing is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The things of which the log has a line.
pub struct Once<T>(Mutex<Memory<T>>);

struct Memory<T> {
    things: Vec<Remembered<T>>,
    /// When the last lines were written.
    lines: Vec<Instant>,
}

struct Remembered<T> {
    thing: T,
    times: u64,
    last: Instant,
    has_line: bool,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new(Memory { things: Vec::new(), lines: Vec::new() }))
    }
}

impl<T: PartialEq + Clone> Once<T> {
    /// Remembers a thing; returns whether the log needs a line about it now. A thing that comes while there are too many lines has
    /// its line when it comes again.
    pub fn is_new(&self, thing: T, now: Instant) -> bool {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { things, lines } = &mut *memory;
        things.retain(|known| now.duration_since(known.last) < FORGOTTEN);
        lines.retain(|line| now.duration_since(*line) < MINUTE);
        let has_room = things.len() < MOST;
        let known = match things.iter().position(|known| known.thing == thing) {
            Some(place) => &mut things[place],
            None if has_room => {
                things.push(Remembered { thing, times: 0, last: now, has_line: false });
                things.last_mut().expect("it was pushed")
            }
            // The thing that was met least often makes room, and leaves its number to the new one: what is met often is then
            // remembered whoever else comes ("space saving", Metwally et al. 2005).
            None => {
                let least =
                    things.iter_mut().min_by_key(|known| (known.times, known.last)).expect("there are some");
                *least = Remembered { thing, times: least.times, last: now, has_line: false };
                least
            }
        };
        known.times = known.times.saturating_add(1);
        known.last = now;
        let needs_line = !known.has_line && lines.len() < MOST;
        if needs_line {
            known.has_line = true;
            lines.push(now);
        }
        needs_line
    }

    /// Returns the thing that was met most often within a day.
    pub fn commonest(&self, now: Instant) -> Option<T> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = memory.things.iter().filter(|known| now.duration_since(known.last) < FORGOTTEN);
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
            !once.is_new("b", now + MINUTE)
                && !once.is_new("a", now + MINUTE)
                && !once.is_new("b", now + MINUTE)
        );
        assert_eq!(once.commonest(now + MINUTE), Some("b"));
        assert_eq!(once.commonest(now + MINUTE + FORGOTTEN), None);
        assert!(once.is_new("a", now + MINUTE + FORGOTTEN));
    }

    #[test]
    fn what_is_met_often_is_remembered_whoever_else_comes() {
        let (once, now) = (Once::default(), Instant::now());
        for round in 0..1000_u32 {
            once.is_new(round, now);
            if round >= 16 {
                once.is_new(u32::MAX, now);
            }
        }
        assert_eq!(once.commonest(now), Some(u32::MAX));
        // Its line comes when there is room for one.
        assert!(!once.is_new(u32::MAX, now + MINUTE / 2) && once.is_new(u32::MAX, now + MINUTE));
    }

    #[test]
    fn memory_and_lines_are_bounded() {
        let (once, now) = (Once::default(), Instant::now());
        let lines = |from: usize, at| (from..from + 1000).filter(|number| once.is_new(*number, at)).count();
        assert_eq!(
            (lines(0, now), lines(5000, now + MINUTE / 2), lines(9000, now + MINUTE)),
            (MOST, 0, MOST)
        );
    }
}
