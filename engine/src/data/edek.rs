//! An EDEK: a wrapped data key. The format is that of IronCore's clients, which parse it: protobuf
//! `EncryptedDeks { repeated EncryptedDek = 1 }` with exactly one
//! `EncryptedDek { encryptedDekData = 1, kmsConfigId = 2, tenantId = 6 }`. `kmsConfigId` is the version's portal-wide id; the
//! client adds `tenantId`.
//!
//! ```text
//! encryptedDekData: salt (16) · nonce (12) · AES-256-GCM (data key 32 · tag 16)
//! ```
//!
//! Associated data: label · version id (4, big endian) · context.

use super::context::{self, Context};
use crate::SecretBytes;
use crate::base::random::NONCE;
use crate::base::refused::Refused;
use crate::custody::material::{Ciphers, Salt, Use, decrypt, encrypt};
use prost::Message as _;

/// Bytes of a data key (AES-256).
pub const DEK: usize = 32;
const SALT: usize = 16;
const TAG: usize = 16;
const DATA: usize = SALT + NONCE + DEK + TAG;
/// Maximum size of an EDEK, in bytes. Only the tenant id has a variable length.
const LARGEST: usize = 1024;

#[derive(Clone, PartialEq, prost::Message)]
struct EncryptedDeks {
    #[prost(message, repeated, tag = "1")]
    encrypted_deks: Vec<EncryptedDek>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EncryptedDek {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
    #[prost(int32, tag = "2")]
    kms_config_id: i32,
    #[prost(string, tag = "6")]
    tenant_id: String,
}

/// A parsed EDEK. Parsing does not check whether it opens.
pub struct Edek {
    pub version: u32,
    /// The tenant that a client wrote into it; empty if none did.
    pub tenant: String,
    salt: Salt,
    nonce: [u8; NONCE],
    body: [u8; DEK + TAG],
}

fn associated(version: u32, context: &Context) -> Vec<u8> {
    // `tenantId` is not part of it, because the client adds it to an EDEK that is sealed already.
    [Use::DataKey.label(), &version.to_be_bytes(), &context::bytes(context)].concat()
}

/// Wraps a data key with the version's material.
pub fn seal(ciphers: &mut Ciphers<'_>, version: u32, dek: &[u8; DEK], context: &Context) -> Vec<u8> {
    let (salt, cipher) = ciphers.sealing(Use::DataKey, version);
    let mut data = Vec::with_capacity(DATA);
    data.extend_from_slice(&salt);
    encrypt(cipher, &associated(version, context), dek, &mut data);
    let kms_config_id = i32::try_from(version).expect("ids of versions are below 2^31");
    let dek = EncryptedDek { data, kms_config_id, tenant_id: String::new() };
    EncryptedDeks { encrypted_deks: vec![dek] }.encode_to_vec()
}

impl Edek {
    /// Reads an EDEK. Of all protobuf encodings of the same content, exactly one is accepted.
    ///
    /// # Errors
    /// [`Refused::Malformed`] when it is not in the format that Keystead writes.
    pub fn read(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.len() > LARGEST {
            return Err(Refused::Malformed);
        }
        let read = EncryptedDeks::decode(bytes).map_err(|_| Refused::Malformed)?;
        // Protobuf allows other orders of fields, longer varints and unknown fields. None of them survives a second encoding.
        if read.encode_to_vec() != bytes {
            return Err(Refused::Malformed);
        }
        let [dek] = <[EncryptedDek; 1]>::try_from(read.encrypted_deks).map_err(|_| Refused::Malformed)?;
        let version = u32::try_from(dek.kms_config_id).map_err(|_| Refused::Malformed)?;
        let data: [u8; DATA] = dek.data.try_into().map_err(|_| Refused::Malformed)?;
        let (salt, rest) = data.split_at(SALT);
        let (nonce, body) = rest.split_at(NONCE);
        Ok(Self {
            version,
            tenant: dek.tenant_id,
            salt: salt.try_into().map_err(|_| Refused::Malformed)?,
            nonce: nonce.try_into().map_err(|_| Refused::Malformed)?,
            body: body.try_into().map_err(|_| Refused::Malformed)?,
        })
    }

    /// # Errors
    /// [`Refused::NotOpened`] when it was changed, made with other material, or with another context.
    pub fn open(&self, ciphers: &mut Ciphers<'_>, context: &Context) -> Result<SecretBytes, Refused> {
        let cipher = ciphers.opening(Use::DataKey, self.version, &self.salt);
        decrypt(cipher, self.nonce, &associated(self.version, context), &self.body).ok_or(Refused::NotOpened)
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

    fn opens(sealed: &[u8], tenant: &str) -> Result<Vec<u8>, Refused> {
        let edek = Edek::read(sealed)?;
        if !edek.tenant.is_empty() && edek.tenant != tenant {
            return Err(Refused::NotOpened);
        }
        edek.open(&mut material(1).ciphers(), &Context::new()).map(|dek| dek.expose().to_vec())
    }

    #[test]
    fn an_edek_is_what_ironcores_clients_read() {
        let sealed = seal(&mut material(1).ciphers(), 300, &[9; DEK], &Context::new());
        // Field 1 (message), field 1 (76 bytes), field 2 (varint 300).
        assert_eq!(sealed[..4], [0x0a, 81, 0x0a, 76]);
        assert_eq!(sealed[80..], [0x10, 0xac, 0x02]);
        assert_eq!(opens(&sealed, ""), Ok(vec![9; DEK]));
    }

    #[test]
    fn a_tenant_that_a_client_wrote_into_it_is_read() {
        let sealed = seal(&mut material(1).ciphers(), 300, &[9; DEK], &Context::new());
        let mut deks = EncryptedDeks::decode(&sealed[..]).expect("protobuf");
        deks.encrypted_deks[0].tenant_id = "production/DE".into();
        let tenanted = deks.encode_to_vec();
        assert_eq!(opens(&tenanted, "production/DE"), Ok(vec![9; DEK]));
        assert_eq!(opens(&tenanted, "production/FR"), Err(Refused::NotOpened));
        for bit in 0..tenanted.len() * 8 {
            let mut changed = tenanted.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opens(&changed, "production/DE").is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let sealed = seal(&mut material(1).ciphers(), 300, &[9; DEK], &Context::new());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opens(&changed, "").is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(opens(&sealed[..length], "").is_err(), "{length} bytes");
        }
    }

    #[test]
    fn one_way_of_writing_it_opens() {
        let sealed = seal(&mut material(1).ciphers(), 3, &[9; DEK], &Context::new());
        let inner = &sealed[2..];
        let deks = |inner: &[u8]| [&[0x0a, u8::try_from(inner.len()).expect("short")][..], inner].concat();
        let twice = [&sealed[..], &sealed].concat();
        let longer_varint = deks(&[&inner[..inner.len() - 1], &[0x83, 0x00]].concat());
        let other_order = deks(&[&inner[78..], &inner[..78]].concat());
        let unknown_field = deks(&[inner, &[0x18, 0x01]].concat());
        let empty_field = deks(&[inner, &[0x32, 0x00]].concat());
        let said_twice = deks(&[inner, &inner[78..]].concat());
        for (other, what) in [
            (twice, "two"),
            (longer_varint, "a number written longer"),
            (other_order, "fields in another order"),
            (unknown_field, "a leased key"),
            (empty_field, "an empty tenant"),
            (said_twice, "a field twice"),
        ] {
            assert_eq!(opens(&other, ""), Err(Refused::Malformed), "{what}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(opens(&bytes, "").is_err());
        }
    }
}
