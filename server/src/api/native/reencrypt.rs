//! Re-encrypt: a ciphertext moves to the newest version.

use super::decrypt::{CiphertextBody, CiphertextSingle};
use super::encrypt::{Encrypted, EncryptedAnswer};
use super::operations::operation;

operation! { reencrypt "/api/v1/scopes/{environment}/{country}/reencrypt" Reencrypt
"Moves a ciphertext to the newest version. The plaintext does not leave Keystead.", CiphertextSingle, CiphertextBody => Encrypted, EncryptedAnswer, |items| &items }
