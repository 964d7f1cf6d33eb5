//! Managed versions: Keystead itself stores their material, sealed.

use crate::base::random;
use crate::custody::Custody;
use crate::vault::envelope::{Purpose, SealContext};
use crate::{Error, SecretBytes};
use domain::base::id::ScopeId;
use domain::keys::version_ref::LeaseKey;

const KEY_BYTES: usize = 32;

fn place<'a>(scope: &'a ScopeId, number: u32) -> SealContext<'a> {
    SealContext {
        table: "key_version",
        column: "material",
        // The row has no id yet when its material is sealed. Scope and number are unique.
        row: b"",
        scope: scope.0.as_bytes(),
        number: u64::from(number),
    }
}

impl Custody {
    /// Generates 32 bytes with the operating system, sealed for one version of one scope.
    pub(crate) fn new_material(&self, scope: ScopeId, number: u32) -> Vec<u8> {
        let material = random::secret(KEY_BYTES);
        self.vault.keyring().seal(Purpose::ManagedKey, place(&scope, number), material.expose())
    }

    /// Returns the material of a managed version. Only `release` calls this.
    pub(super) async fn managed_material(&self, key: LeaseKey) -> Result<SecretBytes, Error> {
        let sealed = self.vault.db().keys().material(key.scope, key.number).await?.ok_or(Error::NotFound)?;
        self.vault.keyring().open(Purpose::ManagedKey, place(&key.scope, key.number), &sealed)
    }
}
