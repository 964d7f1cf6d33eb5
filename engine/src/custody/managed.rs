//! Managed versions: Keystead itself stores their material, sealed.

use crate::base::error::StoreError;
use crate::base::random;
use crate::custody::Custody;
use crate::custody::lease::damaged;
use crate::store::keys::SealedVersion;
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
                if !self.opens(version).await? {
                    unopened.push(version.name());
                }
            }
        }
    }

    /// Checks whether what is stored of a version's key opens: its material, or the credentials of its holder. Nobody else is asked.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn is_whole(&self, key: LeaseKey) -> Result<bool, Error> {
        let Some(version) = self.vault.db().keys().sealed_one(key.scope, key.number).await? else {
            return Ok(true);
        };
        let opens = self.opens(&version).await?;
        match opens {
            true => self.vault.forget(&damaged(key)),
            false => self.vault.notice(&damaged(key)),
        }
        Ok(opens)
    }

    async fn opens(&self, version: &SealedVersion) -> Result<bool, Error> {
        let key = version.key();
        let opened = match &version.material {
            Some(sealed) => self
                .vault
                .keyring()
                .open(Purpose::ManagedKey, place(&key.scope, key.number), sealed)
                .map(drop),
            None if version.is_held() => {
                let stored = self.vault.db().holders().get(key.scope, key.number).await;
                stored.and_then(|stored| self.credentials(key, &stored).map(drop))
            }
            None => Err(Error::NotFound),
        };
        match opened {
            Err(error @ Error::Store(StoreError::Database(_))) => Err(error),
            opened => Ok(opened.is_ok()),
        }
    }

    /// Returns the material of a managed version. Only `release` calls this.
    pub(super) async fn managed_material(&self, key: LeaseKey) -> Result<SecretBytes, Error> {
        let sealed = self.vault.db().keys().material(key.scope, key.number).await?.ok_or(Error::NotFound)?;
        self.vault.keyring().open(Purpose::ManagedKey, place(&key.scope, key.number), &sealed)
    }
}
