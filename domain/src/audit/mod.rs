//! The audit log: events of the portal, and lines of the data plane's journal.

pub mod event;
pub mod journal;
pub mod view;
