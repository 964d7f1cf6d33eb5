//! Encrypt: up to 64 KiB with the newest version.

use super::operations::operation;
use super::wire::{Base64, answers, context, requests};
use engine::SecretBytes;
use engine::data::{Sealed, ToEncrypt};

requests! {
    /// Data to encrypt.
    EncryptSingle, EncryptItem, EncryptBatch, EncryptBody {
        /// At most 65536 bytes, in base64.
        #[schema(value_type = String, format = Byte)]
        plaintext: Base64<SecretBytes>,
    } => ToEncrypt: |said| {
        Ok(ToEncrypt { plaintext: said.plaintext.0?, context: context(said.context) })
    };
}

answers! {
    /// A ciphertext, and the version that encrypted it.
    Encrypted, EncryptedResult, EncryptedResults, EncryptedAnswer, of Sealed: |done| { ciphertext: &done.bytes, }
}

operation! { encrypt "/api/v1/scopes/{environment}/{country}/encrypt" Encrypt
"Encrypts up to 64 KiB with the newest version.", EncryptSingle, EncryptBody => Encrypted, EncryptedAnswer, |items| &items }
