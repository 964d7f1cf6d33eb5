//! Decrypt: with the version that the ciphertext names.

use super::operations::operation;
use super::wire::{Base64, answers, context, requests};
use engine::data::{Opened, ToOpen};

requests! {
    /// A ciphertext to decrypt or re-encrypt.
    CiphertextSingle, CiphertextItem, CiphertextBatch, CiphertextBody {
        #[schema(value_type = String, format = Byte)]
        ciphertext: Base64<Vec<u8>>,
    } => ToOpen: |said| Ok(ToOpen { sealed: said.ciphertext.0?, context: context(said.context) });
}

answers! {
    /// The plaintext, and the version that decrypted it.
    Decrypted, DecryptedResult, DecryptedResults, DecryptedAnswer, of Opened: |done| { plaintext: done.bytes.expose(), }
}

operation! { decrypt "/api/v1/scopes/{environment}/{country}/decrypt" Decrypt
"Decrypts a ciphertext with the version that it names.", CiphertextSingle, CiphertextBody => Decrypted, DecryptedAnswer, |items| &items }
