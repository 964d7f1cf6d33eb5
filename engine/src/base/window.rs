//! Counts within a time.

use super::clock::Steady;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often something may happen within a time, for each of a number of keys. It is in memory, so strangers make no rows.
pub(crate) struct Window<K> {
    most: u32,
    lately: Duration,
    /// Maximum number of keys. A key without room is refused.
    room: usize,
    /// The begin of each key's time, and the number since.
    counted: Mutex<HashMap<K, (Steady, u32)>>,
}

impl<K: Eq + Hash> Window<K> {
    pub(crate) fn new(most: u32, lately: Duration, room: usize) -> Self {
        Self { most, lately, room, counted: Mutex::default() }
    }

    /// Counts one more for a key, unless the key has had its number.
    pub(crate) fn take(&self, key: K, now: Steady) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if !counted.contains_key(&key) && counted.len() >= self.room {
            counted.retain(|_, (since, _)| now.since(*since) < self.lately);
            if counted.len() >= self.room {
                return false;
            }
        }
        let (since, number) = counted.entry(key).or_insert((now, 0));
        if now.since(*since) >= self.lately {
            (*since, *number) = (now, 0);
        }
        *number = number.saturating_add(1);
        *number <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let (window, now) = (Window::new(1, Duration::from_secs(60), 256), Steady::default());
        let taken = |at| (0..1000).filter(|number: &u32| window.take(*number, at)).count();
        assert_eq!((taken(now), taken(now.plus(Duration::from_secs(60)))), (256, 256));
    }
}
