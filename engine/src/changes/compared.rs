//! What a server remembers of verification codes. The counters and the spent steps in the database can be deleted by somebody who
//! can write it; this server's memory cannot.

use crate::Error;
use crate::base::clock::Steady;
use crate::base::error::ChangesError;
use crate::changes::Changes;
use chrono::TimeDelta;
use domain::base::id::UserId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of codes that are compared for a person within `LATELY`.
const MOST: usize = 20;
const LATELY: Duration = Duration::from_secs(60);
/// Number of spent steps that are remembered of a person: more than are accepted at any moment.
const STEPS: usize = 8;

/// The codes that this server has compared lately.
#[derive(Default)]
pub(super) struct Compared(Mutex<HashMap<UserId, Person>>);

#[derive(Default)]
struct Person {
    times: VecDeque<Steady>,
    spent: VecDeque<i64>,
}

impl Changes {
    /// Counts one more code of a person that is about to be compared.
    ///
    /// # Errors
    /// [`ChangesError::Blocked`] when so many were compared within a minute that the counter in the database must have been lost.
    pub(crate) fn begin_compare(&self, user: UserId) -> Result<(), Error> {
        let now = self.vault.steady();
        let mut people = self.compared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let person = people.entry(user).or_default();
        while person.times.front().is_some_and(|first| now.since(*first) >= LATELY) {
            person.times.pop_front();
        }
        if person.times.len() >= MOST {
            let now = self.vault.now();
            return Err(Error::Changes(ChangesError::Blocked { until: now + TimeDelta::minutes(1), now }));
        }
        person.times.push_back(now);
        Ok(())
    }

    /// Remembers that a step is spent. Returns false when this server remembers that it was spent before.
    pub(super) fn remember_spent(&self, user: UserId, step: i64) -> bool {
        let mut people = self.compared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = &mut people.entry(user).or_default().spent;
        if spent.contains(&step) {
            return false;
        }
        spent.truncate(STEPS - 1);
        spent.push_front(step);
        true
    }

    /// Forgets the spent steps of a person, who has another authenticator now.
    pub(crate) fn forget_spent(&self, user: UserId) {
        let mut people = self.compared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(person) = people.get_mut(&user) {
            person.spent.clear();
        }
    }
}
