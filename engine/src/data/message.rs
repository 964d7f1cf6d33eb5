//! A ciphertext: data that was encrypted directly.
//!
//! ```text
//! magic "KSD" · format 1 · version id (4, big endian) · salt (16) · nonce (12) · AES-256-GCM (body · tag 16)
//! ```
//!
//! Associated data: label · the first 24 bytes · context. The version id is portal-wide, so the header alone says which version
//! decrypts. The caller's right to the version's scope is checked before.

use super::context::{self, Context};
use crate::SecretBytes;
use crate::base::random::NONCE;
use crate::base::refused::Refused;
use crate::custody::material::{Ciphers, Salt, Use, decrypt, encrypt};

const MAGIC: [u8; 4] = *b"KSD\x01";
const SALT: usize = 16;
const TAG: usize = 16;
const HEADER: usize = MAGIC.len() + 4 + SALT;

/// Number of bytes that encryption adds.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;
/// Maximum plaintext of direct encryption, in bytes. A service encrypts more with a data key.
pub const LARGEST: usize = 64 * 1024;

/// A parsed ciphertext. Parsing does not check whether it opens.
pub struct Message<'a> {
    pub version: u32,
    header: &'a [u8],
    salt: Salt,
    nonce: [u8; NONCE],
    body: &'a [u8],
}

fn associated(header: &[u8], context: &Context) -> Vec<u8> {
    [Use::Message.label(), header, &context::bytes(context)].concat()
}

/// Encrypts with the version's material.
pub fn seal(ciphers: &mut Ciphers<'_>, version: u32, plain: &[u8], context: &Context) -> Vec<u8> {
    let (salt, cipher) = ciphers.sealing(Use::Message, version);
    let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
    sealed.extend_from_slice(&MAGIC);
    sealed.extend_from_slice(&version.to_be_bytes());
    sealed.extend_from_slice(&salt);
    encrypt(cipher, &associated(&sealed, context), plain, &mut sealed);
    sealed
}

impl<'a> Message<'a> {
    /// # Errors
    /// [`Refused::Malformed`] when it is not in the format that Keystead writes.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        if !(OVERHEAD..=OVERHEAD + LARGEST).contains(&bytes.len()) || bytes[..4] != MAGIC {
            return Err(Refused::Malformed);
        }
        let (header, rest) = bytes.split_at(HEADER);
        let (nonce, body) = rest.split_at(NONCE);
        let part = |range: std::ops::Range<usize>| &header[range];
        Ok(Self {
            version: u32::from_be_bytes(part(4..8).try_into().map_err(|_| Refused::Malformed)?),
            salt: part(8..HEADER).try_into().map_err(|_| Refused::Malformed)?,
            nonce: nonce.try_into().map_err(|_| Refused::Malformed)?,
            header,
            body,
        })
    }

    /// # Errors
    /// [`Refused::NotOpened`] when it was changed, made with other material, or with another context.
    pub fn open(&self, ciphers: &mut Ciphers<'_>, context: &Context) -> Result<SecretBytes, Refused> {
        let cipher = ciphers.opening(Use::Message, self.version, &self.salt);
        decrypt(cipher, self.nonce, &associated(self.header, context), self.body).ok_or(Refused::NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::material::Material;
    use proptest::prelude::*;

    fn material(byte: u8) -> Material {
        Material::new(SecretBytes::new(vec![byte; 32]))
    }

    fn context(pairs: &[(&str, &str)]) -> Context {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn opens(sealed: &[u8], material: &Material, context: &Context) -> Result<Vec<u8>, Refused> {
        Message::read(sealed)?.open(&mut material.ciphers(), context).map(|plain| plain.expose().to_vec())
    }

    #[test]
    fn what_was_encrypted_decrypts_and_nothing_else_does() {
        let (own, other) = (material(1), material(2));
        let with = context(&[("order", "17")]);
        let sealed = seal(&mut own.ciphers(), 5, b"secret", &with);
        assert_eq!(sealed.len(), 6 + OVERHEAD);
        assert_eq!(opens(&sealed, &own, &with), Ok(b"secret".to_vec()));
        assert_eq!(opens(&sealed, &material(1), &with), Ok(b"secret".to_vec()), "also after a restart");
        assert_eq!(opens(&sealed, &other, &with), Err(Refused::NotOpened));
        for wrong in [context(&[]), context(&[("order", "18")]), context(&[("order", "17"), ("a", "b")])] {
            assert_eq!(opens(&sealed, &own, &wrong), Err(Refused::NotOpened), "{wrong:?}");
        }
        assert_ne!(seal(&mut own.ciphers(), 5, b"secret", &with), sealed, "never twice the same");
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let own = material(1);
        let sealed = seal(&mut own.ciphers(), 5, b"secret", &Context::new());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opens(&changed, &own, &Context::new()).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(opens(&sealed[..length], &own, &Context::new()).is_err(), "{length} bytes");
        }
        assert!(opens(&[&sealed[..], &[0]].concat(), &own, &Context::new()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(&bytes);
            let ours = [&MAGIC[..], &bytes].concat();
            prop_assert!(opens(&ours, &material(1), &Context::new()).is_err());
        }
    }
}
