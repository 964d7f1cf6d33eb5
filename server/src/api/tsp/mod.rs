//! The door of IronCore's published clients (Tenant Security Proxy): their addresses, bodies and error codes, so that they
//! run unchanged. The tenant they name is a scope, or its alias.
//!
//! Reading order: this file (every address), `problem` (codes), `wire` (what every request says), one file a group.

mod documents;
mod events;
mod keys;
mod problem;
mod wire;

pub use problem::{Refusal, as_refusal, is_here, nothing_here};

use super::{Needs, Row};
use axum::http::Method;
use axum::routing::post;
use domain::data::Operation;

macro_rules! rows {
    ($($path:literal $needs:expr => $handler:expr;)*) => {
        &[$(Row { path: $path, method: Method::POST, needs: $needs, handler: || post($handler) }),*]
    };
}

const BOTH: Needs = Needs::All(&[Operation::Wrap, Operation::Unwrap]);

/// The addresses of this door.
pub const ROWS: &[Row] = rows! {
    "/api/1/document/wrap" Needs::May(Operation::Wrap) => documents::wrap;
    "/api/1/document/unwrap" Needs::May(Operation::Unwrap) => documents::unwrap;
    "/api/1/document/batch-wrap" Needs::May(Operation::Wrap) => documents::batch_wrap;
    "/api/1/document/batch-unwrap" Needs::May(Operation::Unwrap) => documents::batch_unwrap;
    "/api/1/document/rekey" BOTH => documents::rekey;
    "/api/1/document/report-operations" Needs::AnyKey => events::report_operations;
    "/api/1/key/derive-with-secret-path" BOTH => keys::derive;
    "/api/1/event/security-event" Needs::AnyKey => events::security_event;
};
