//! What is written down: the audit log of the portal, and the journal of the data plane.

pub mod journal;
pub mod log;
