//! The two steps of every change.

pub mod in_scope;
pub mod step;
pub mod two_step;
