//! Material that is set aside: its KMS has refused it once and is asked again. Nobody uses it meanwhile.

use crate::custody::lease::{Leases, Slot};
use domain::keys::version_ref::LeaseKey;
use std::sync::Arc;
use tokio::sync::MutexGuard;

/// A refusal that KMS is asked about again. Dropped without an end, it wipes the material.
pub(crate) struct Doubt {
    /// `None` when this server has no lease of the version, or the credentials have been replaced.
    slot: Option<Arc<Slot>>,
    /// Number of refusals of the lease, this one included.
    refusals: u64,
    revision: i64,
}

impl Leases {
    /// Checks whether the credentials of a lease are known to be newer than these.
    pub(crate) fn has_newer(&self, key: LeaseKey, revision: i64) -> bool {
        self.found(key).is_some_and(|slot| slot.read().revision > revision)
    }

    /// Sets the material of a version aside. The reply to a release that is under way is ignored.
    pub(crate) fn set_aside(&self, key: LeaseKey, revision: i64) -> Doubt {
        let slot = self.found(key).filter(|_| !self.has_newer(key, revision));
        let refusals = slot.as_ref().map_or(0, |slot| {
            let mut state = slot.write();
            state.refusals += 1;
            if let Some(held) = state.held.take() {
                state.aside = Some(held);
            }
            state.refusals
        });
        Doubt { slot, refusals, revision }
    }
}

impl Doubt {
    /// Keeps others from requesting the material, unless a load is under way.
    pub(crate) fn try_load(&self) -> Option<MutexGuard<'_, ()>> {
        self.slot.as_ref()?.loading.try_lock().ok()
    }

    /// Puts the material back if KMS has allowed its use again; otherwise wipes it. Returns the number of refusals of the lease
    /// when KMS was asked again.
    pub(crate) fn end(&self, is_allowed: bool) -> Option<u64> {
        let mut state = self.slot.as_ref()?.write();
        // After a later refusal this answer is too old. That refusal has wiped the material, or its own doubt has it now.
        if state.refusals == self.refusals {
            let aside = state.aside.take().filter(|_| is_allowed && self.revision >= state.revision);
            if state.held.is_none() {
                state.held = aside;
            }
        }
        Some(self.refusals)
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        self.end(false);
    }
}
