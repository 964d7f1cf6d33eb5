//! Wrap: a data key, with the newest version.

use super::operations::operation;
use super::wire::{Base64, answers, context, requests};
use engine::SecretBytes;
use engine::base::refused::Refused;
use engine::data::{ToWrap, Wrapped};

requests! {
    /// A data key to wrap. If none is given, Keystead generates one of 32 bytes.
    WrapSingle, WrapItem, WrapBatch, WrapBody {
        /// 32 bytes, in base64.
        #[serde(default)]
        #[schema(value_type = Option<String>, format = Byte)]
        dek: Option<Base64<SecretBytes>>,
    } => ToWrap: |said| {
        let dek = said.dek.map(|dek| dek.0).transpose()?;
        if dek.as_ref().is_some_and(is_hexadecimal) {
            return Err(Refused::HexadecimalDek);
        }
        Ok(ToWrap { dek, context: context(said.context) })
    };
}

/// Checks whether a data key was sent in hexadecimal: 64 digits are also the base64 of 48 bytes.
fn is_hexadecimal(dek: &SecretBytes) -> bool {
    let bytes = dek.expose();
    // Three bytes make four characters of six bits each.
    let digits = || {
        bytes.chunks_exact(3).flat_map(|three| {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            [18, 12, 6, 0].map(|shift| bits >> shift & 0x3F)
        })
    };
    // In the alphabet of base64: A to F, a to f, 0 to 9.
    bytes.len() == 48 && digits().all(|digit| matches!(digit, 0..=5 | 26..=31 | 52..=61))
}

answers! {
    /// A data key, its wrapped form (EDEK), and the version that wrapped it.
    WrappedKey, WrappedKeyResult, WrappedKeyResults, WrappedKeyAnswer, of Wrapped: |done| { dek: done.dek.expose(), edek: &done.edek, }
}

operation! { wrap "/api/v1/scopes/{environment}/{country}/wrap" Wrap
"Wraps a data key with the newest version. Generates the data key if none is given.", WrapSingle, WrapBody => WrappedKey, WrappedKeyAnswer, |items| items }
