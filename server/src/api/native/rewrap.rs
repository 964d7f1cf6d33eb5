//! Re-wrap: an EDEK moves to the newest version.

use super::operations::operation;
use super::unwrap::{EdekBody, EdekSingle};
use super::wire::answers;
use engine::data::Sealed;

answers! {
    /// A wrapped data key, and the version that wrapped it.
    RewrappedKey, RewrappedKeyResult, RewrappedKeyResults, RewrappedKeyAnswer, of Sealed: |done| { edek: &done.bytes, }
}

operation! { rewrap "/api/v1/scopes/{environment}/{country}/rewrap" Rewrap
"Moves an EDEK to the newest version. The data key does not leave Keystead.", EdekSingle, EdekBody => RewrappedKey, RewrappedKeyAnswer, |items| &items }
