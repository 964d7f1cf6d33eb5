//! How many codes a server has compared lately. The counters in the database can be deleted by somebody who can write it; this
//! server's memory cannot.

use crate::base::clock::Steady;
use crate::base::error::ChangesError;
use crate::changes::Changes;
use crate::changes::throttle::{Try, TryKind};
use crate::changes::totp;
use crate::store::users::User;
use crate::{Error, SecretText, Session};
use chrono::TimeDelta;
use domain::base::id::UserId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Maximum number of codes that are compared for a person within `LATELY`.
const MOST: usize = 20;
const LATELY: Duration = Duration::from_secs(60);

/// When this server compared the last codes of each person.
#[derive(Default)]
pub(super) struct Compared(Mutex<HashMap<UserId, VecDeque<Steady>>>);

impl Changes {
    /// Counts a code that is about to be compared: as a try in the database, and in the memory of this server. What the database
    /// refuses is not compared, so it takes no place in the memory: a stranger must not fill it for the person.
    ///
    /// # Errors
    /// As [`Changes::begin_try`]; [`ChangesError::Blocked`] when so many were compared within a minute that the counter in the
    /// database must have been lost. That try is not counted.
    pub(crate) async fn begin_code(
        &self,
        session: &Session,
        user: &User,
        code: &SecretText,
        kind: TryKind,
    ) -> Result<Try, Error> {
        let tried = self.begin_try(self.subject(session, user), kind).await?;
        match self.begin_compare(user.id(), code) {
            Ok(()) => Ok(tried),
            Err(error) => {
                self.give_back(tried).await?;
                Err(error)
            }
        }
    }

    fn begin_compare(&self, user: UserId, code: &SecretText) -> Result<(), Error> {
        // What is no code cannot be right.
        if !totp::is_code(code) {
            return Ok(());
        }
        let now = self.vault.steady();
        let mut people = self.compared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = people.entry(user).or_default();
        while times.front().is_some_and(|first| now.since(*first) >= LATELY) {
            times.pop_front();
        }
        if times.len() >= MOST {
            let now = self.vault.now();
            return Err(Error::Changes(ChangesError::Blocked { until: now + TimeDelta::minutes(1), now }));
        }
        times.push_back(now);
        Ok(())
    }
}
