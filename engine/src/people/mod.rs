//! Administrators: how they sign in, and the credentials that prove who they are.

mod changes;
pub mod familiar;
pub(crate) mod password;
mod profile;
pub mod sessions;
pub mod setup;
mod sign_in;
pub(crate) mod users;

use crate::Error;
use crate::changes::Changes;
use crate::changes::notes::Notes;
use crate::vault::opened::Vault;
use familiar::Familiar;
use password::Hasher;
use std::sync::Arc;
use users::Administrators;

/// The room of people: set-up, sign-in, sessions, profile.
#[derive(Clone)]
pub struct People {
    vault: Vault,
    notes: Notes,
    changes: Changes,
    hasher: Arc<Hasher>,
    pub familiar: Arc<Familiar>,
}

impl People {
    pub(crate) fn new(vault: Vault, notes: Notes, changes: Changes) -> Result<Self, Error> {
        let (hasher, familiar) = (Arc::new(Hasher::new()?), Arc::new(Familiar::new(vault.clone())));
        Ok(Self { vault, notes, changes, hasher, familiar })
    }

    /// Returns the room of the host's command line for the same people, with the same hasher.
    pub(crate) fn administrators(&self) -> Administrators {
        Administrators::new(self.vault.clone(), self.changes.clone(), Arc::clone(&self.hasher))
    }
}
