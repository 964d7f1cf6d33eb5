//! The native door: JSON over HTTP, one address an operation.

mod operations;
mod problem;
mod reference;
mod wire;

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
    "/api/v1/scopes/{environment}/{country}/keys" GET Needs::Key => asked operations::keys;
    "/api/v1/scopes/{environment}/{country}/encrypt" POST Needs::May(Operation::Encrypt) => asked operations::encrypt;
    "/api/v1/scopes/{environment}/{country}/decrypt" POST Needs::May(Operation::Decrypt) => asked operations::decrypt;
    "/api/v1/scopes/{environment}/{country}/reencrypt" POST Needs::May(Operation::Reencrypt) => asked operations::reencrypt;
    "/api/v1/scopes/{environment}/{country}/wrap" POST Needs::May(Operation::Wrap) => asked operations::wrap;
    "/api/v1/scopes/{environment}/{country}/unwrap" POST Needs::May(Operation::Unwrap) => asked operations::unwrap;
    "/api/v1/scopes/{environment}/{country}/rewrap" POST Needs::May(Operation::Rewrap) => asked operations::rewrap;
};
