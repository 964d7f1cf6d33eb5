//! Managed versions: Keystead itself stores their material, sealed.

use crate::base::error::StoreError;
use crate::base::random;
use crate::custody::Custody;
use crate::vault::envelope::{Purpose, SealContext};
use crate::{Error, SecretBytes};
use domain::base::id::ScopeId;
use domain::keys::version_ref::LeaseKey;

const KEY_BYTES: usize = 32;
/// Number of versions read at once.
const LISTED: u32 = 500;

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

    /// Returns the names of stored versions that do not open: neither their material nor the credentials of their holder.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn unopened(&self) -> Result<Vec<String>, Error> {
        let (mut unopened, mut after) = (Vec::new(), 0);
        loop {
            let versions = self.vault.db().keys().sealed(after, LISTED).await?;
            let Some(last) = versions.last() else { return Ok(unopened) };
            after = last.id;
            for version in &versions {
                let key = version.key();
                let opened = match &version.material {
                    Some(sealed) => {
                        let place = place(&key.scope, key.number);
                        self.vault.keyring().open(Purpose::ManagedKey, place, sealed).map(drop)
                    }
                    None if version.is_held() => {
                        let stored = self.vault.db().holders().get(key.scope, key.number).await;
                        stored.and_then(|stored| self.credentials(key, &stored).map(drop))
                    }
                    None => Err(Error::NotFound),
                };
                match opened {
                    Err(error @ Error::Store(StoreError::Database(_))) => return Err(error),
                    Err(_) => unopened.push(version.name()),
                    Ok(()) => {}
                }
            }
        }
    }

    /// Returns the material of a managed version. Only `release` calls this.
    pub(super) async fn managed_material(&self, key: LeaseKey) -> Result<SecretBytes, Error> {
        let sealed = self.vault.db().keys().material(key.scope, key.number).await?.ok_or(Error::NotFound)?;
        self.vault.keyring().open(Purpose::ManagedKey, place(&key.scope, key.number), &sealed)
    }
}
