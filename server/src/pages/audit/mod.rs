//! The audit log.

pub mod export;
pub mod page;
mod search;
