//! The door for IronCore's published clients (Tenant Security Proxy). It has their addresses, bodies and error codes, so that
//! they run unchanged. The tenant that they name is a scope, or its alias.
//!
//! Reading order: this file (every address), `problem` (codes), `wire` (contents common to all requests), one file per group.

mod documents;
mod events;
mod keys;
mod problem;
mod wire;

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
    "/api/1/document/wrap" POST Needs::May(Operation::Wrap) => asked documents::wrap;
    "/api/1/document/unwrap" POST Needs::May(Operation::Unwrap) => asked documents::unwrap;
    "/api/1/document/batch-wrap" POST Needs::May(Operation::Wrap) => asked documents::batch_wrap;
    "/api/1/document/batch-unwrap" POST Needs::May(Operation::Unwrap) => asked documents::batch_unwrap;
    "/api/1/document/rekey" POST BOTH => asked documents::rekey;
    "/api/1/document/report-operations" POST Needs::AnyKey => asked events::report_operations;
    "/api/1/key/derive-with-secret-path" POST BOTH => asked keys::derive;
    "/api/1/event/security-event" POST Needs::AnyKey => asked events::security_event;
};
