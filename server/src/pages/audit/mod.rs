//! The audit log.

pub mod page;
