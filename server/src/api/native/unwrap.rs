//! Unwrap: a data key, with the version that the EDEK names.

use super::operations::operation;
use super::wire::{Base64, answers, context, requests};
use engine::data::{Opened, ToOpen};

requests! {
    /// A wrapped data key to unwrap or rewrap.
    EdekSingle, EdekItem, EdekBatch, EdekBody {
        #[schema(value_type = String, format = Byte)]
        edek: Base64<Vec<u8>>,
    } => ToOpen: |said| Ok(ToOpen { sealed: said.edek.0?, context: context(said.context) });
}

answers! {
    /// A data key, and the version that unwrapped it.
    UnwrappedKey, UnwrappedKeyResult, UnwrappedKeyResults, UnwrappedKeyAnswer, of Opened: |done| { dek: done.bytes.expose(), }
}

operation! { unwrap "/api/v1/scopes/{environment}/{country}/unwrap" Unwrap
"Unwraps a data key with the version that the EDEK names.", EdekSingle, EdekBody => UnwrappedKey, UnwrappedKeyAnswer, |items| &items }
