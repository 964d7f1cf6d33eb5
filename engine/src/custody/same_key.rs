//! A key that is registered again: as the next version of its scope it would change nothing, in another scope the person has to
//! know of it. Keystead recognises the encrypted key, and by a keyed hash the key itself, however it is encrypted.

use crate::base::error::{ChangesError, CustodyError};
use crate::custody::Custody;
use crate::custody::material::Material;
use crate::store::holders::{SameKey, StoredHolder};
use crate::store::{Lock, Tx};
use crate::vault::envelope::Purpose;
use crate::{Error, SecretBytes};
use domain::base::id::ScopeId;
use domain::custody::aws::EncryptedDataKey;
use domain::custody::command::AwsKey;
use domain::keys::version_ref::VersionName;

impl Custody {
    /// Returns the keyed hash of a key.
    pub(super) fn fingerprint(&self, key: SecretBytes) -> Vec<u8> {
        let keyring = self.vault.keyring();
        // `lend` overwrites what the work leaves on the stack.
        Material::new(key).lend(|key| keyring.keyed_hash(Purpose::Fingerprint, key.expose())).to_vec()
    }

    /// Returns the versions of other scopes that have this key.
    ///
    /// # Errors
    /// [`CustodyError::SameKey`] when a version of this scope has it.
    pub(crate) async fn same_key(
        &self,
        scope: ScopeId,
        data_key: &EncryptedDataKey,
        fingerprint: Option<&[u8]>,
    ) -> Result<Vec<VersionName>, Error> {
        elsewhere(scope, &self.vault.db().holders().same(data_key.bytes(), fingerprint).await?)
    }

    /// Looks again, for a key that is about to be registered. Two registrations at once follow each other from here on: the caller
    /// has locked the scope.
    ///
    /// # Errors
    /// [`CustodyError::SameKey`]; [`ChangesError::Outdated`] when a version has the key of which the person was not told.
    pub(crate) async fn require_new(&self, tx: &mut Tx, scope: ScopeId, key: &AwsKey) -> Result<(), Error> {
        tx.lock(Lock::Instance).await?;
        let same = tx.holders().same(key.data_key.bytes(), &key.fingerprint).await?;
        let told = &key.credentials.report.also;
        match elsewhere(scope, &same)?.into_iter().find(|version| !told.contains(version)) {
            Some(version) => {
                let said = format!("This key was registered as {version} in the meantime.");
                Err(Error::Changes(ChangesError::Outdated(said)))
            }
            None => Ok(()),
        }
    }

    /// Stores the fingerprint of a released key that an earlier release of Keystead has registered. A failure leaves it to the next
    /// release.
    pub(super) async fn add_fingerprint(&self, stored: &StoredHolder, key: &SecretBytes) {
        if stored.has_fingerprint {
            return;
        }
        let fingerprint = &self.fingerprint(SecretBytes::new(key.expose().to_vec()));
        let written = self.vault.db().write(|mut tx| async move {
            tx.holders().set_fingerprint(stored.id, fingerprint).await?;
            tx.commit_unaudited("the fingerprint of a key is no change of it").await
        });
        crate::base::log::or_warn(written.await, "the fingerprint of a key could not be stored");
    }
}

fn elsewhere(scope: ScopeId, same: &[SameKey]) -> Result<Vec<VersionName>, Error> {
    match same.iter().find(|version| version.key().scope == scope) {
        Some(here) => Err(Error::Custody(CustodyError::SameKey(here.key().number))),
        None => Ok(same.iter().filter_map(SameKey::name).collect()),
    }
}
