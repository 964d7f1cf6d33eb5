//! Protection against guessing. Each try counts for some of these subjects:
//!
//! * a name: what somebody tries who has not signed in, from any browser (password, code, recovery code);
//! * a network, and the site of an IPv6 address: their passwords, too;
//! * a person's own browsers: the same tries from a browser with which this person has signed in (`device`);
//! * a person's sessions: codes and passwords of somebody who is fully signed in.
//!
//! A stranger who guesses blocks neither the sessions of a person nor the browsers that the person uses. A stranger behind a
//! proxy that Keystead cannot see through does not block the others behind it (`past_network`).
//!
//! Keystead counts a try *before* it compares, and takes the count back when the try was right, so
//! that no number of simultaneous tries can bypass the limit. The fifth failure and every further
//! one block the name: for 1 minute, then twice as long each time, at most 15. After twenty wrong
//! verification codes in a row Keystead accepts no code any more: only a recovery code or the
//! host's command line helps then.

use crate::Error;
use crate::base::email;
use crate::base::error::ChangesError;
use crate::base::network::{Network, Site};
use crate::changes::Changes;
use crate::changes::session::{Session, Stage};
use crate::store::Tx;
use crate::store::throttle::Counter;
use crate::store::users::User;
use crate::vault::envelope::Purpose;
use crate::vault::opened::AHEAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::id::UserId;

/// Number of the first failure that blocks a name.
const FREE_FOR_NAME: i64 = 5;
/// Number of the first failure that blocks a network; larger, because a network may have many people.
const FREE_FOR_NETWORK: i64 = 40;
/// The same for the site of an IPv6 address, which has 65,536 networks.
const FREE_FOR_SITE: i64 = 200;
const LONGEST_BLOCK_MINUTES: i64 = 15;
const CODES_IN_A_ROW: i64 = 20;
/// Time without a try after which the failures of a network are forgotten.
const NETWORK_MEMORY: TimeDelta = TimeDelta::hours(1);

/// Warning when a right try stays counted; the action that it was for is done.
pub(crate) const RIGHT_TRY: &str = "a correct attempt could not be removed from the attempt counter";

/// The kind of secret that is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryKind {
    Password,
    Code,
    RecoveryCode,
}

/// The subject of a failure counter: a name or a network.
pub struct Subject {
    pub(super) hash: [u8; 32],
    free: i64,
    memory: Option<TimeDelta>,
}

impl Subject {
    #[cfg(feature = "testing")]
    pub(crate) fn hash(&self) -> &[u8] {
        &self.hash
    }
}

/// A counted try. When it is dropped, it stays counted as a failure.
#[must_use = "a try that was right must be given back or cleared"]
pub struct Try {
    subject: Subject,
    kind: TryKind,
    /// End of the block that the try leaves behind if it was wrong.
    blocked_until: Option<DateTime<Utc>>,
}

/// Returns the counter with another try counted.
///
/// # Errors
/// The reason why no try is allowed now.
fn begin(
    mut counter: Counter,
    subject: &Subject,
    kind: TryKind,
    now: DateTime<Utc>,
) -> Result<Counter, Error> {
    // A right attempt takes back only its own count of a network (`give_back`). Time ends the other failures.
    // A counter of the future was written while the clock was ahead.
    let is_over = |memory| counter.updated_at + memory <= now || counter.updated_at > now + AHEAD;
    if subject.memory.is_some_and(is_over) {
        counter = Counter { failures: 0, blocked_until: None, ..counter };
    }
    // This comes before the block: waiting does not end this limit, so the message must not name a time.
    if kind == TryKind::Code && counter.wrong_codes >= CODES_IN_A_ROW {
        return Err(Error::Changes(ChangesError::CodesExhausted));
    }
    // No block is longer than the longest, so a later end is of a clock that was ahead.
    let longest = now + TimeDelta::minutes(LONGEST_BLOCK_MINUTES) + AHEAD;
    if let Some(until) = counter.blocked_until.filter(|until| *until > now && *until <= longest) {
        return Err(Error::Changes(ChangesError::Blocked { until, now }));
    }
    // A blocked attempt has returned by now, so it does not prolong the block.
    counter.failures += 1;
    // With passwords in this count, a stranger who knows the address could end an administrator's codes.
    counter.wrong_codes += i64::from(kind == TryKind::Code);
    counter.updated_at = now;
    counter.blocked_until = block_for(counter.failures, subject.free).map(|wait| now + wait);
    Ok(counter)
}

/// Returns the counter without a try that was right. The block of this try is removed as well,
/// because otherwise nobody could sign in after five failures.
fn given_back(mut counter: Counter, right: &Try) -> Counter {
    // Another success may have cleared the counter since this attempt was counted.
    counter.failures = (counter.failures - 1).max(0);
    counter.wrong_codes = (counter.wrong_codes - i64::from(right.kind == TryKind::Code)).max(0);
    // A block that a later attempt has set stays.
    if counter.failures < right.subject.free || counter.blocked_until == right.blocked_until {
        counter.blocked_until = None;
    }
    counter
}

/// Returns how long the failure with this number blocks.
fn block_for(failures: i64, free: i64) -> Option<TimeDelta> {
    let doublings = u32::try_from(failures - free).ok()?.min(10);
    Some(TimeDelta::minutes((1 << doublings).min(LONGEST_BLOCK_MINUTES)))
}

impl Changes {
    /// Checks whether a password would be refused now. Nothing is counted.
    pub(super) async fn is_blocked(&self, subject: &Subject) -> Result<bool, Error> {
        let counter = self.vault.db().throttle().of(&subject.hash).await?;
        let now = self.vault.now();
        Ok(counter.is_some_and(|counter| begin(counter, subject, TryKind::Password, now).is_err()))
    }

    pub(crate) fn name_subject(&self, name: &str) -> Subject {
        let name = format!("name {}", email::normalise(name));
        // Unknown names are counted too, and people type passwords into this field. The table shows neither.
        let hash = self.vault.keyring().keyed_hash(Purpose::Names, name.as_bytes());
        Subject { hash, free: FREE_FOR_NAME, memory: None }
    }

    /// Returns the subject for the network of an address: the address itself (IPv4), its /64 (IPv6).
    pub(crate) fn network_subject(&self, address: &str) -> Subject {
        let network = Network::of_text(address);
        let hash = self.vault.keyring().keyed_hash(Purpose::Names, format!("network {network}").as_bytes());
        Subject { hash, free: FREE_FOR_NETWORK, memory: Some(NETWORK_MEMORY) }
    }

    /// Returns the subject for a site: who has one chooses among all of its networks.
    pub(crate) fn site_subject(&self, site: Site) -> Subject {
        let hash = self.vault.keyring().keyed_hash(Purpose::Names, format!("site {site}").as_bytes());
        Subject { hash, free: FREE_FOR_SITE, memory: Some(NETWORK_MEMORY) }
    }

    /// Returns the subject of what somebody tries from a browser with which this person has signed in.
    pub(crate) fn device_subject(&self, person: UserId) -> Subject {
        self.of_person("device", person)
    }

    fn session_subject(&self, person: UserId) -> Subject {
        self.of_person("session", person)
    }

    fn of_person(&self, what: &str, person: UserId) -> Subject {
        let hash = self.vault.keyring().keyed_hash(Purpose::Names, format!("{what} {}", person.0).as_bytes());
        Subject { hash, free: FREE_FOR_NAME, memory: None }
    }

    /// Returns the subject of what somebody tries in a session of this administrator.
    pub(crate) fn subject(&self, session: &Session, user: &User) -> Subject {
        match session.stage {
            Stage::Full => self.session_subject(user.id()),
            _ if session.from.devices.know(user) => self.device_subject(user.id()),
            _ => self.name_subject(&user.email),
        }
    }

    /// Returns every subject of a person.
    pub(crate) fn subjects(&self, person: UserId, email: &str) -> [Subject; 3] {
        [self.name_subject(email), self.device_subject(person), self.session_subject(person)]
    }

    /// Counts a try and commits the count before anything is compared.
    ///
    /// # Errors
    /// [`ChangesError::Blocked`] or [`ChangesError::CodesExhausted`]; the caller must not compare then.
    pub(crate) async fn begin_try(&self, subject: Subject, kind: TryKind) -> Result<Try, Error> {
        let now = self.vault.now();
        let of = &subject;
        let counter = self
            .vault
            .db()
            .write(|mut tx| async move {
                // A refusal drops the transaction, so a blocked counter is not written again.
                let counter = begin(tx.throttle().hold(&of.hash, now).await?, of, kind, now)?;
                tx.throttle().set(&of.hash, counter).await?;
                tx.commit_unaudited("a try is counted before it is compared").await?;
                Ok(counter)
            })
            .await?;
        Ok(Try { subject, kind, blocked_until: counter.blocked_until })
    }

    /// Takes back the count of a try that was right. The earlier failures stay, because the person has not proved everything yet.
    pub(crate) async fn give_back(&self, right: Try) -> Result<(), Error> {
        let now = self.vault.now();
        let right = &right;
        self.vault
            .db()
            .write(|mut tx| async move {
                let counter = tx.throttle().hold(&right.subject.hash, now).await?;
                tx.throttle().set(&right.subject.hash, given_back(counter, right)).await?;
                tx.commit_unaudited("a right try is given back").await
            })
            .await
    }

    /// Resets the counter, because the person has proved who they are.
    pub(crate) async fn clear_tries(&self, right: Try) -> Result<(), Error> {
        self.clear_counters(&[right.subject]).await
    }

    pub(crate) async fn clear_counters(&self, subjects: &[Subject]) -> Result<(), Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                self.clear_held(&mut tx, subjects).await?;
                tx.commit_unaudited("failures are cleared by a success").await
            })
            .await
    }

    pub(crate) async fn clear_held(&self, tx: &mut Tx, subjects: &[Subject]) -> Result<(), Error> {
        let now = self.vault.now();
        for subject in subjects {
            tx.throttle().hold(&subject.hash, now).await?;
            let clear = Counter { failures: 0, wrong_codes: 0, blocked_until: None, updated_at: now };
            tx.throttle().set(&subject.hash, clear).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Subject {
        Subject { hash: [0; 32], free: FREE_FOR_NAME, memory: None }
    }

    fn fresh(now: DateTime<Utc>) -> Counter {
        Counter { failures: 0, wrong_codes: 0, blocked_until: None, updated_at: now }
    }

    #[test]
    fn the_fifth_failure_blocks_and_each_further_one_twice_as_long() {
        let mut now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("a time");
        let mut counter = fresh(now);
        let mut waits = Vec::new();
        for _ in 0..11 {
            counter = begin(counter, &name(), TryKind::Password, now).expect("not blocked");
            let wait = counter.blocked_until.map_or(0, |until| (until - now).num_minutes());
            waits.push(wait);
            assert_eq!(begin(counter, &name(), TryKind::Password, now).is_err(), wait > 0);
            now += TimeDelta::minutes(wait);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn a_right_try_after_many_failures_blocks_nothing() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("a time");
        let counter = Counter { failures: 7, ..fresh(now) };
        let tried = begin(counter, &name(), TryKind::Password, now).expect("the block is over");
        assert!(tried.blocked_until.is_some());
        let right = Try { subject: name(), kind: TryKind::Password, blocked_until: tried.blocked_until };
        let after = given_back(tried, &right);
        assert_eq!((after.failures, after.blocked_until), (7, None));
    }

    #[test]
    fn twenty_wrong_codes_in_a_row_leave_recovery_codes_alone() {
        let mut now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("a time");
        let mut counter = fresh(now);
        for _ in 0..20 {
            counter = begin(counter, &name(), TryKind::Code, now).expect("allowed");
            now += TimeDelta::minutes(20);
        }
        assert!(matches!(
            begin(counter, &name(), TryKind::Code, now),
            Err(Error::Changes(ChangesError::CodesExhausted))
        ));
        assert!(begin(counter, &name(), TryKind::RecoveryCode, now).is_ok());
    }
}
