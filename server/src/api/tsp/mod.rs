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

use super::{Needs, Row, addresses};
use domain::data::operation::Operation;

const BOTH: Needs = Needs::All(&[Operation::Wrap, Operation::Unwrap]);

/// The addresses of this door.
pub const ROWS: &[Row] = addresses! {
    "/api/1/document/wrap" POST Needs::May(Operation::Wrap) => asked documents::wrap;
    "/api/1/document/unwrap" POST Needs::May(Operation::Unwrap) => asked documents::unwrap;
    "/api/1/document/batch-wrap" POST Needs::May(Operation::Wrap) => asked documents::batch_wrap;
    "/api/1/document/batch-unwrap" POST Needs::May(Operation::Unwrap) => asked documents::batch_unwrap;
    "/api/1/document/rekey" POST BOTH => asked documents::rekey;
    "/api/1/document/report-operations" POST Needs::AnyKey => asked events::report_operations;
    "/api/1/key/derive-with-secret-path" POST BOTH => asked keys::derive;
    "/api/1/event/security-event" POST Needs::AnyKey => asked events::security_event;
};
