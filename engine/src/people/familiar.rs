//! The sessions that this server has lately found signed in. A request is counted for somebody before anything is looked up, so
//! this decides whose share it uses (`base::shares`), and nothing else: it gives no access.

use crate::SecretText;
use crate::base::clock::Steady;
use crate::base::shares::Holder;
use crate::people::sessions::token_hash;
use crate::vault::opened::Vault;
use domain::base::id::UserId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time after which a session that was not seen is forgotten.
const MEMORY: Duration = Duration::from_secs(3600);
/// Number of sessions at which the forgotten ones are removed.
const MANY: usize = 1024;

type Sessions = HashMap<Vec<u8>, (UserId, Steady)>;

pub struct Familiar {
    vault: Vault,
    /// By the hash of their token.
    sessions: Mutex<Sessions>,
}

impl Familiar {
    pub(super) fn new(vault: Vault) -> Self {
        Self { vault, sessions: Mutex::default() }
    }

    pub(super) fn remember(&self, token: Vec<u8>, person: UserId) {
        let (mut sessions, now) = (self.sessions(), self.vault.steady());
        if sessions.len() >= MANY {
            sessions.retain(|_, (_, seen)| now.since(*seen) < MEMORY);
        }
        sessions.insert(token, (person, now));
    }

    /// Returns the administrator whose share a request with this cookie uses, if this server has lately found them signed in.
    pub fn holder(&self, token: &SecretText) -> Option<Holder> {
        let (person, seen) = self.sessions().get(&token_hash(token)).copied()?;
        (self.vault.steady().since(seen) < MEMORY).then_some(Holder::Person(person))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
