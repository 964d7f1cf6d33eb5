//! The native door: JSON over HTTP, one address an operation (PRODUCT 5).

mod operations;
mod reference;
mod wire;

pub use reference::{document, reference};

use super::{Needs, Row};
use axum::http::Method;
use axum::routing::{get, post};
use domain::data::Operation;

macro_rules! rows {
    ($($path:literal $method:ident $needs:expr => $handler:expr;)*) => {
        &[$(Row { path: $path, method: Method::$method, needs: $needs, handler: || $handler }),*]
    };
}

/// The addresses of this door.
pub const ROWS: &[Row] = rows! {
    "/api/openapi.json" GET Needs::Nothing => get(reference::show_document);
    "/api/v1/scopes/{environment}/{country}/keys" GET Needs::Key => get(operations::keys);
    "/api/v1/scopes/{environment}/{country}/encrypt" POST Needs::May(Operation::Encrypt) => post(operations::encrypt);
    "/api/v1/scopes/{environment}/{country}/decrypt" POST Needs::May(Operation::Decrypt) => post(operations::decrypt);
    "/api/v1/scopes/{environment}/{country}/reencrypt" POST Needs::May(Operation::Reencrypt) => post(operations::reencrypt);
    "/api/v1/scopes/{environment}/{country}/wrap" POST Needs::May(Operation::Wrap) => post(operations::wrap);
    "/api/v1/scopes/{environment}/{country}/unwrap" POST Needs::May(Operation::Unwrap) => post(operations::unwrap);
    "/api/v1/scopes/{environment}/{country}/rewrap" POST Needs::May(Operation::Rewrap) => post(operations::rewrap);
};
