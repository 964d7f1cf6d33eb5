//! Derive: the keys of deterministic fields and vectors.
//!
//! ```text
//! derived key = HMAC-SHA512(tenant secret, "environment/COUNTRY-derivation path")
//! ```
//!
//! Keystead uses the scope's own name, never its alias, so that a derived key stays the same whatever the scope is called.

use super::Call;
use super::record::Done;
use crate::base::error::ServicesError;
use crate::data::Data;
use crate::data::access::KnownScope;
use crate::data::tenant_secrets::{TenantSecret, TenantSecrets};
use crate::store::tenant_secrets::SecretName;
use crate::{Error, SecretBytes};
use domain::data::operation::{Deed, Operation};
use domain::data::tenant_secret::SecretType;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use std::collections::{BTreeMap, BTreeSet};

/// Derivation paths, by their secret path.
pub struct ToDerive {
    pub secret_type: SecretType,
    pub paths: BTreeMap<String, BTreeSet<String>>,
}

/// A derived key, and the secret it comes from.
pub struct DerivedKey {
    /// 64 bytes.
    pub key: SecretBytes,
    pub secret: u32,
    /// The current secret encrypts; the other one decrypts while a rotation is under way.
    pub is_current: bool,
}

/// By secret path, then by derivation path.
pub type Derived = BTreeMap<String, BTreeMap<String, Vec<DerivedKey>>>;

impl Data {
    /// Derives keys. A caller that may wrap and unwrap may derive. Keystead requests the version's material as if it wrapped
    /// something, so that a customer whose KMS refuses the key stops derivation, too.
    ///
    /// # Errors
    /// As [`Data::encrypt`]; [`Refused::TooManySecrets`].
    pub async fn derive(&self, call: &Call, asked: &ToDerive) -> Result<Derived, Error> {
        let (named, scope) =
            self.asked(&call.caller, &call.scope).await.allowed(&call.caller, Operation::Wrap);
        let mut made = 0;
        let derived = match scope {
            Ok(scope) if call.caller.may(Operation::Unwrap) => {
                self.try_derive(&scope, asked, &mut made).await
            }
            Ok(_) => Err(Error::Services(ServicesError::NotAllowed(Operation::Unwrap))),
            Err(error) => Err(error),
        };
        let items = asked.paths.values().map(BTreeSet::len).sum();
        let of = if derived.is_ok() { Done::new } else { Done::nothing };
        let done = Done { made, ..of(Deed::Derive, items) };
        self.write_down(call, named, done, derived.as_ref().err()).await?;
        if let Ok(derived) = &derived {
            self.count_previous(derived);
        }
        derived
    }

    /// Counts the keys of previous secrets in an answer. Between two rotations there is nothing to count.
    fn count_previous(&self, derived: &Derived) {
        let keys = derived.values().flat_map(BTreeMap::values).flatten();
        let mut previous = keys.filter(|key| !key.is_current).map(|key| key.secret).peekable();
        if previous.peek().is_some() {
            self.uses.count_secrets(previous, self.vault.now());
        }
    }

    /// Derives the keys. `made` counts the tenant secrets that are made, even when the call fails later.
    async fn try_derive(
        &self,
        scope: &KnownScope,
        asked: &ToDerive,
        made: &mut u32,
    ) -> Result<Derived, Error> {
        let version = self.access.active(scope).await?;
        // This comes before any secret is made, so that a request that the customer's KMS refuses leaves none behind.
        self.custody.with_material(scope.lease(version), 1, 0, |_| ()).await?;
        let tenant = scope.name.to_string();
        let mut derived = Derived::new();
        for (path, derivations) in &asked.paths {
            let name = SecretName { scope: scope.id, secret_type: asked.secret_type, path: path.clone() };
            // A path without derivations asks for nothing; it makes no secret.
            let secrets = match derivations.is_empty() {
                true => TenantSecrets::default(),
                false => self.secrets.get(&name, made).await?,
            };
            let keys_of = |derivation: &String| {
                let key = |secret: &TenantSecret| DerivedKey {
                    key: derive(secret.bytes.expose(), &tenant, derivation),
                    secret: secret.id,
                    is_current: secret.is_current,
                };
                (derivation.clone(), secrets.iter().map(key).collect())
            };
            derived.insert(path.clone(), derivations.iter().map(keys_of).collect());
        }
        Ok(derived)
    }
}

/// Returns the HMAC-SHA512 (RFC 2104) of "tenant-derivation path".
fn derive(secret: &[u8], tenant: &str, path: &str) -> SecretBytes {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(tenant.as_bytes());
    mac.update(b"-");
    mac.update(path.as_bytes());
    SecretBytes::new(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[test]
    fn a_derived_key_is_that_of_rfc_4231() {
        // Test case 6: "Test Using Larger Than Block-Size Key - Hash Key First".
        let key = derive(&[0xaa; 131], "Test Using Larger Than Block", "Size Key - Hash Key First");
        let expected = "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                        6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598";
        assert_eq!(HEXLOWER.encode(key.expose()), expected);
    }
}
