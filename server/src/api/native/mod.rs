//! The native door: JSON over HTTP, one address per operation.

mod decrypt;
mod encrypt;
mod keys;
mod operations;
mod problem;
mod reencrypt;
mod reference;
mod rewrap;
mod unwrap;
mod wire;
mod wrap;

pub use problem::Failed;
pub use reference::{document, reference};

use super::door::{DoorSpec, Words};
use super::{Needs, addresses};
use domain::data::operation::Operation;

pub const DOOR: DoorSpec = DoorSpec {
    prefix: "/api",
    schemes: &["ApiKey", "Bearer"],
    rows: ROWS,
    words: Words {
        refused: problem::refused,
        nothing_here: problem::nothing_here,
        in_words: problem::in_words,
    },
};

const ROWS: &[super::Row] = addresses! {
    "/api/openapi.json" GET Needs::Nothing => open reference::show_document;
    "/api/v1/scopes/{environment}/{country}/keys" GET Needs::Key => asked keys::keys;
    "/api/v1/scopes/{environment}/{country}/encrypt" POST Needs::May(Operation::Encrypt) => asked encrypt::encrypt;
    "/api/v1/scopes/{environment}/{country}/decrypt" POST Needs::May(Operation::Decrypt) => asked decrypt::decrypt;
    "/api/v1/scopes/{environment}/{country}/reencrypt" POST Needs::May(Operation::Reencrypt) => asked reencrypt::reencrypt;
    "/api/v1/scopes/{environment}/{country}/wrap" POST Needs::May(Operation::Wrap) => asked wrap::wrap;
    "/api/v1/scopes/{environment}/{country}/unwrap" POST Needs::May(Operation::Unwrap) => asked unwrap::unwrap;
    "/api/v1/scopes/{environment}/{country}/rewrap" POST Needs::May(Operation::Rewrap) => asked rewrap::rewrap;
};
