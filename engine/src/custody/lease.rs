//! Leases: plaintext key material in memory, for a bounded time.
//!
//! Every use of a version's material, whatever the type of the version, requests it here. The first request loads it; requests
//! that arrive in the meantime wait for that load. Then:
//!
//! ```text
//! 0 ────────── refresh (5 min) ──────────────────────────── hold (60 min)
//!   used as it is │ released anew in the background if it   │ wiped
//!                 │ was used since, else wiped              │
//! ```
//!
//! Between refresh and hold, the material is used only until the refresh is done, or while the KMS or the database that
//! releases it cannot be *reached*. A *refusal* wipes it at once, whichever call receives it: no use succeeds on this server
//! until there is a new release. A refusal that may be one of a moment (`again`) first sets it aside; then no use succeeds until
//! KMS has allowed it again.

mod doubt;

use crate::base::clock::Steady;
use crate::base::error::CustodyError;
use crate::base::error::StoreError;
use crate::base::error::VaultError;
use crate::base::random;
use crate::custody::Custody;
use crate::custody::kms::{Failure, FailureKind};
use crate::custody::material::Material;
use crate::{Error, SecretBytes};
use chrono::{DateTime, TimeDelta, Utc};
use domain::custody::preflight::FailureCode;
use domain::custody::view::{HeldView, LeaseView};
use domain::keys::version_ref::LeaseKey;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::task::JoinSet;

/// Interval of the maintenance of leases.
pub const EVERY: Duration = Duration::from_secs(1);
/// Maximum leases refreshed at the same time.
const AT_ONCE: usize = 32;
/// Maximum wait after consecutive failures.
const BACKOFF: Duration = Duration::from_secs(30);
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// Maximum release attempts per use. Released material may be revoked or expired by the time it arrives.
const LOADS: usize = 3;
/// Maximum messages and bytes for which one release is used. After them the material is released again.
const MESSAGES: u64 = 1 << 32;
const BYTES: u64 = 1 << 40;

/// Time limits for the use of material.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Time after which material is released again if it was used.
    pub refresh: Duration,
    /// Time after which material is wiped in any case.
    pub hold: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(5 * 60), hold: Duration::from_secs(60 * 60) }
    }
}

/// The leases of one server.
pub struct Leases {
    times: Times,
    slots: Mutex<HashMap<LeaseKey, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    state: RwLock<State>,
    /// One load at a time.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Material that KMS has refused once and is asked about again. Nobody uses it.
    aside: Option<Held>,
    trouble: Option<Trouble>,
    /// Number of refusals, doubtful ones included. A release that was requested before a refusal is ignored after it.
    refusals: u64,
    /// Revision of the newest known credentials. A late reply to older ones is ignored.
    revision: i64,
}

/// The material that the holder of a version releases.
pub(crate) struct Released {
    pub material: SecretBytes,
    pub seen: AskedWith,
    /// Number of refusals in the lease when the material was requested, if it was requested again after a doubtful refusal.
    pub refusals: Option<u64>,
}

/// The state of the version's row before its holder was asked; zero for a managed version.
#[derive(Clone, Copy, Default)]
pub(crate) struct AskedWith {
    /// Revision of the credentials that were used.
    pub revision: i64,
    /// Number of refusals until then, to any server.
    pub refusals: i64,
}

struct Held {
    material: Arc<Material>,
    seen: AskedWith,
    released: Steady,
    released_at: DateTime<Utc>,
    is_used: AtomicBool,
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// Consecutive failures, and the time of the next attempt.
struct Trouble {
    failure: Failure,
    tries: u32,
    again: Steady,
}

impl Held {
    fn is_usable(&self, now: Steady, times: Times) -> bool {
        now.since(self.released) < times.hold
            && self.messages.load(Ordering::Relaxed) < MESSAGES
            && self.bytes.load(Ordering::Relaxed) < BYTES
    }
}

impl Slot {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last failure while the next attempt is not due.
    fn waits(&self, now: Steady) -> Option<Failure> {
        self.read()
            .trouble
            .as_ref()
            .filter(|trouble| now < trouble.again)
            .map(|trouble| trouble.failure.clone())
    }

    /// Wipes the material. The reply to a release under way is ignored.
    fn wipe(&self) -> RwLockWriteGuard<'_, State> {
        let mut state = self.write();
        state.drop_material();
        state.refusals += 1;
        state
    }
}

impl State {
    fn drop_material(&mut self) {
        self.held = None;
        self.aside = None;
    }

    /// Records a failure. The wait has full jitter: it is between zero and a limit that doubles with each failure.
    fn fail(&mut self, failure: Failure, now: Steady) {
        let tries = self.trouble.as_ref().map_or(0, |trouble| trouble.tries) + 1;
        let most = FIRST_BACKOFF.saturating_mul(1 << tries.min(16)).min(BACKOFF);
        let share = f64::from(u16::from_be_bytes(random::bytes())) / f64::from(u16::MAX);
        self.trouble = Some(Trouble { failure, tries, again: now.plus(most.mul_f64(share)) });
    }
}

impl Leases {
    pub(crate) fn new(times: Times) -> Self {
        Self { times, slots: Mutex::default() }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<LeaseKey, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: LeaseKey) -> Arc<Slot> {
        Arc::clone(self.slots().entry(key).or_default())
    }

    fn found(&self, key: LeaseKey) -> Option<Arc<Slot>> {
        self.slots().get(&key).cloned()
    }

    /// Wipes the material of a version, because its holder refuses its use. A refusal of credentials that have been replaced is
    /// ignored.
    pub(crate) fn refuse(&self, key: LeaseKey, revision: i64, failure: Failure, now: Steady) {
        let slot = self.found(key).filter(|_| !self.has_newer(key, revision));
        if let Some(slot) = slot {
            slot.wipe().fail(failure, now);
        }
    }

    /// Ends the wait after failures, because KMS answered, or will be asked with other credentials.
    pub(crate) fn forgive(&self, key: LeaseKey, revision: i64) {
        if let Some(slot) = self.found(key) {
            let mut state = slot.write();
            if revision >= state.revision {
                state.revision = revision;
                state.trouble = None;
            }
        }
    }

    /// Wipes everything.
    pub(crate) fn clear(&self) {
        for slot in std::mem::take(&mut *self.slots()).into_values() {
            // A task under way may still have the slot, so dropping the map alone would not wipe it.
            slot.write().drop_material();
        }
    }

    /// Returns what this server holds of a version.
    pub(super) fn view(&self, key: LeaseKey, now: Steady, at: DateTime<Utc>) -> LeaseView {
        let Some(slot) = self.found(key) else { return LeaseView { held: None, trouble: None } };
        let times = self.times;
        let state = slot.read();
        let held = state.held.as_ref().filter(|held| held.is_usable(now, times)).map(|held| {
            let age = now.since(held.released);
            let in_time =
                |end: Duration| at + TimeDelta::from_std(end.saturating_sub(age)).unwrap_or_default();
            let retry = state.trouble.as_ref().map(|trouble| trouble.again.since(now));
            let refresh_at = in_time(times.refresh)
                .max(at + retry.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default());
            HeldView { released_at: held.released_at, refresh_at, hold_until: in_time(times.hold) }
        });
        LeaseView { held, trouble: state.trouble.as_ref().map(|trouble| trouble.failure.code.clone()) }
    }

    /// Returns the versions that this server has asked for, whether it holds their material or not.
    pub(super) fn keys(&self) -> Vec<LeaseKey> {
        self.slots().keys().copied().collect()
    }

    /// Returns the versions whose material is in memory, used or set aside, and the number of their refusals when it was requested.
    fn held(&self) -> HashMap<LeaseKey, i64> {
        // The map is free again before the slots are read. A slot may stay locked for as long as work with its material takes.
        let slots: Vec<_> = self.slots().iter().map(|(key, slot)| (*key, Arc::clone(slot))).collect();
        slots
            .into_iter()
            .filter_map(|(key, slot)| {
                let state = slot.read();
                state.held.as_ref().or(state.aside.as_ref()).map(|held| (key, held.seen.refusals))
            })
            .collect()
    }
}

impl Custody {
    /// Runs work with the material of a version on this number of messages, of this number of bytes in total. The lease keeps
    /// the material and lends it for the duration of the work.
    ///
    /// # Errors
    /// [`CustodyError::KmsRefused`], [`CustodyError::KmsUnreachable`] (also when every release was too old when it arrived),
    /// [`Error::NotFound`] for an unknown version.
    pub async fn with_material<T>(
        &self,
        key: LeaseKey,
        messages: u64,
        bytes: u64,
        work: impl FnOnce(&Material) -> T,
    ) -> Result<T, Error> {
        let slot = self.leases.slot(key);
        let mut work = Some(work);
        for _ in 0..LOADS {
            if let Some(done) = self.attempt(key, &slot, [messages, bytes], &mut work) {
                return Ok(done);
            }
            self.load(key, &slot).await?;
        }
        self.attempt(key, &slot, [messages, bytes], &mut work)
            .ok_or(Error::Custody(CustodyError::KmsUnreachable(FailureCode::TIMEOUT)))
    }

    /// Runs the work with the material in memory; `None` when there is none to use.
    fn attempt<T>(
        &self,
        key: LeaseKey,
        slot: &Arc<Slot>,
        [messages, bytes]: [u64; 2],
        work: &mut Option<impl FnOnce(&Material) -> T>,
    ) -> Option<T> {
        let (now, times) = (self.vault.steady(), self.leases.times);
        // The lock lasts until the work is done. Therefore nobody works with the material once `wipe` returns.
        let state = slot.read();
        let held = state.held.as_ref().filter(|held| held.is_usable(now, times))?;
        held.is_used.store(true, Ordering::Relaxed);
        held.messages.fetch_add(messages, Ordering::Relaxed);
        held.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_old = now.since(held.released) >= times.refresh;
        let done = work.take().map(|work| held.material.lend(work));
        // `waits` reads the slot again, and a second read lock could deadlock behind a waiting writer.
        drop(state);
        if is_old && slot.waits(now).is_none() && slot.loading.try_lock().is_ok() {
            let (portal, slot) = (self.clone(), Arc::clone(slot));
            tokio::spawn(async move { portal.refresh(key, &slot).await });
        }
        done
    }

    /// Loads missing material. Callers that arrive in the meantime wait for the same load.
    async fn load(&self, key: LeaseKey, slot: &Slot) -> Result<(), Error> {
        let _one = slot.loading.lock().await;
        let now = self.vault.steady();
        if slot.read().held.as_ref().is_some_and(|held| held.is_usable(now, self.leases.times)) {
            return Ok(());
        }
        match slot.waits(now) {
            Some(failure) => Err(failure.into()),
            None => self.renew(key, slot).await,
        }
    }

    /// Releases old material again, unless another task just did.
    async fn refresh(&self, key: LeaseKey, slot: &Slot) {
        let _one = slot.loading.lock().await;
        let (now, refresh) = (self.vault.steady(), self.leases.times.refresh);
        let is_old = slot.read().held.as_ref().is_some_and(|held| now.since(held.released) >= refresh);
        if is_old && slot.waits(now).is_none() {
            let renewed = self.renew(key, slot).await;
            crate::base::log::or_warn(renewed, "a key lease could not be refreshed");
        }
    }

    /// Requests the material. The caller holds the lock `loading`.
    async fn renew(&self, key: LeaseKey, slot: &Slot) -> Result<(), Error> {
        let refusals = slot.read().refusals;
        let asked = self.vault.steady();
        let asked_at = self.vault.now();
        let released = self.release(key).await;
        if let Err(error) = &released
            && matches!(failure_of(error), Some(failure) if failure.code == FailureCode::SEALED)
        {
            self.vault.notice(&damaged(key));
        }
        let now = self.vault.steady();
        // The answer to a further request, made after a doubtful refusal, counts from there.
        let refusals = released.as_ref().ok().and_then(|released| released.refusals).unwrap_or(refusals);
        let mut state = slot.write();
        if state.refusals != refusals {
            // The material was refused while this request was under way, so the reply to the request is ignored. The refusal is
            // ignored too if KMS has answered since; then the caller tries again.
            let heard = state.trouble.as_ref().map(|trouble| trouble.failure.clone().into());
            return heard.or(released.err()).map_or(Ok(()), Err);
        }
        match released {
            Ok(Released { material, seen, .. }) => {
                state.trouble = None;
                state.revision = state.revision.max(seen.revision);
                // Keys derived from the same material earlier are valid for as long as the material is.
                let before = state.held.take().or_else(|| state.aside.take());
                let before = before.map(|held| held.material).filter(|before| before.is(&material));
                let material = before.unwrap_or_else(|| Arc::new(Material::new(material)));
                // The lease counts from the request, because a late reply states what was true earlier.
                state.held = Some(Held {
                    material,
                    seen,
                    released: asked,
                    released_at: asked_at,
                    is_used: AtomicBool::new(false),
                    messages: AtomicU64::new(0),
                    bytes: AtomicU64::new(0),
                });
                Ok(())
            }
            // A refusal has wiped the material already, unless it was for credentials that have been replaced. This one was;
            // the caller tries again with the new ones.
            Err(Error::Custody(CustodyError::KmsRefused(_))) => Ok(()),
            Err(error) => {
                if let Some(failure) = failure_of(&error) {
                    if failure.kind == FailureKind::Refused {
                        state.drop_material();
                        state.refusals += 1;
                    }
                    state.fail(failure, now);
                } else {
                    // This is neither a refusal nor an outage, so nothing says that the material may still be used.
                    state.drop_material();
                }
                Err(error)
            }
        }
    }

    /// Maintains every lease: wipes what is expired or idle, and refreshes what was used.
    pub async fn tend_leases(&self) {
        let (now, times) = (self.vault.steady(), self.leases.times);
        let mut old = Vec::new();
        self.leases.slots().retain(|key, slot| {
            let mut state = slot.write();
            let Some(held) = &state.held else {
                // A slot without material is kept while a task uses it, or while its failure is recent.
                let is_fresh = |trouble: &Trouble| now.since(trouble.again) < BACKOFF;
                // Nobody gets another reference meanwhile, because the map is locked.
                return Arc::strong_count(slot) > 1 || state.trouble.as_ref().is_some_and(is_fresh);
            };
            let age = now.since(held.released);
            let is_idle = !held.is_used.load(Ordering::Relaxed);
            if age >= times.hold || age >= times.refresh && is_idle {
                state.held = None;
            } else if age >= times.refresh {
                old.push((*key, Arc::clone(slot)));
            }
            true
        });
        let mut under_way = JoinSet::new();
        for (key, slot) in old {
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let portal = self.clone();
            under_way.spawn(async move { portal.refresh(key, &slot).await });
        }
        under_way.join_all().await;
    }

    /// Wipes the material that KMS refused to another server after this server requested it. This runs apart from the other
    /// maintenance, so that a slow KMS does not delay it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply_remote_refusals(&self) -> Result<(), Error> {
        let held = self.leases.held();
        if held.is_empty() {
            return Ok(());
        }
        for refused in self.vault.db().holders().refused().await? {
            let key = refused.key();
            // Any other number wipes, also a smaller one, as in a database that was restored to an earlier state.
            if held.get(&key).is_none_or(|seen| *seen == refused.refusals) {
                continue;
            }
            let Some(slot) = self.leases.found(key) else { continue };
            let mut state = slot.wipe();
            // A refusal that is over wipes all the same, but begins no wait: the next use asks KMS again.
            if let Some(code) = refused.code() {
                state.fail(Failure::refused(code), self.vault.steady());
            }
        }
        Ok(())
    }
}

/// Returns the name of a version's key that does not open.
pub(super) fn damaged(key: LeaseKey) -> String {
    format!("key of version {} of scope {}", key.number, key.scope.0)
}

/// Returns what a failed release says about the key; `None` when it says nothing about it.
fn failure_of(error: &Error) -> Option<Failure> {
    match error {
        Error::Custody(CustodyError::KmsRefused(code)) => Some(Failure::refused(code.clone())),
        Error::Custody(CustodyError::KmsUnreachable(code)) => Some(Failure::unreachable(code.clone())),
        Error::Vault(VaultError::Sealed(_) | VaultError::Unproved(_))
        | Error::Store(StoreError::Corrupt { .. }) => Some(Failure::refused(FailureCode::SEALED)),
        Error::Store(StoreError::Database(_)) | Error::Store(StoreError::Schema(_)) => {
            Some(Failure::unreachable(FailureCode::DATABASE))
        }
        _ => None,
    }
}

impl From<Failure> for Error {
    fn from(Failure { kind, code }: Failure) -> Self {
        match kind {
            // Nobody was asked, so nobody has refused.
            FailureKind::Refused if code == FailureCode::SEALED => {
                VaultError::Sealed("the key of a version".into()).into()
            }
            FailureKind::Refused => CustodyError::KmsRefused(code).into(),
            FailureKind::Unreachable => CustodyError::KmsUnreachable(code).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(messages: u64, bytes: u64) -> Held {
        Held {
            material: Arc::new(Material::new(SecretBytes::new(vec![7; 32]))),
            released: Steady::default(),
            released_at: DateTime::UNIX_EPOCH,
            seen: AskedWith::default(),
            is_used: AtomicBool::new(false),
            messages: AtomicU64::new(messages),
            bytes: AtomicU64::new(bytes),
        }
    }

    #[test]
    fn a_release_serves_so_long_so_many_messages_and_so_many_bytes() {
        let times = Times::default();
        let after = |seconds| Steady::default().plus(Duration::from_secs(seconds));
        assert!(held(0, 0).is_usable(after(3599), times));
        assert!(!held(0, 0).is_usable(after(3600), times));
        assert!(held(MESSAGES - 1, BYTES - 1).is_usable(after(0), times));
        assert!(!held(MESSAGES, 0).is_usable(after(0), times));
        assert!(!held(0, BYTES).is_usable(after(0), times));
    }

    #[test]
    fn the_waits_after_failures_grow_to_half_a_minute_and_no_further() {
        let mut state = State::default();
        let mut longest = Duration::ZERO;
        for tries in 1..200 {
            state.fail(Failure::unreachable(FailureCode::TIMEOUT), Steady::default());
            let wait = state.trouble.as_ref().expect("in trouble").again.since(Steady::default());
            assert!(wait <= BACKOFF && wait <= FIRST_BACKOFF * (1 << tries.min(16)), "{tries}: {wait:?}");
            longest = longest.max(wait);
        }
        assert!(longest > BACKOFF / 2, "they do grow: {longest:?}");
    }
}
