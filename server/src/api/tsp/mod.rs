//! The door for IronCore's published clients (Tenant Security Proxy). It has their addresses, bodies and error codes, so that
//! they run unchanged. The tenant that they name is a scope, or its alias.
//!
//! Reading order: this file (every address), `problem` (codes), `wire` (contents common to all requests), `document` (data keys), one file for each operation.

mod batch_unwrap;
mod batch_wrap;
mod derive;
mod document;
mod problem;
mod rekey;
mod report_operations;
mod security_event;
mod unwrap;
mod wire;
mod wrap;

pub use problem::Refusal;

use super::door::{DoorSpec, Words};
use super::{Needs, addresses};
use domain::data::operation::Operation;

const BOTH: Needs = Needs::All(&[Operation::Wrap, Operation::Unwrap]);

pub const DOOR: DoorSpec = DoorSpec {
    prefix: "/api/1",
    schemes: &["cmk"],
    rows: ROWS,
    words: Words {
        refused: problem::refused,
        nothing_here: problem::nothing_here,
        in_words: problem::in_words,
    },
};

const ROWS: &[super::Row] = addresses! {
    "/api/1/document/wrap" POST Needs::May(Operation::Wrap) => asked wrap::wrap;
    "/api/1/document/unwrap" POST Needs::May(Operation::Unwrap) => asked unwrap::unwrap;
    "/api/1/document/batch-wrap" POST Needs::May(Operation::Wrap) => asked batch_wrap::batch_wrap;
    "/api/1/document/batch-unwrap" POST Needs::May(Operation::Unwrap) => asked batch_unwrap::batch_unwrap;
    "/api/1/document/rekey" POST BOTH => asked rekey::rekey;
    // A report may name any tenant, also one that the key does not reach.
    "/api/1/document/report-operations" POST Needs::AnyKey => asked report_operations::report_operations;
    "/api/1/key/derive-with-secret-path" POST BOTH => asked derive::derive;
    "/api/1/event/security-event" POST Needs::AnyKey => asked security_event::security_event;
};
