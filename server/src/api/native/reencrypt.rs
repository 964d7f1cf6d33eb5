//! Re-encrypt: a ciphertext moves to the newest version.

use super::decrypt::{CiphertextItem, CiphertextRequest};
use super::encrypt::Encrypted;
use super::operations::operation;

operation! { reencrypt "/api/v1/scopes/{environment}/{country}/reencrypt" Reencrypt
"Moves a ciphertext to the newest version. The plaintext does not leave Keystead.", CiphertextRequest, CiphertextItem => Encrypted, |items| &items }
