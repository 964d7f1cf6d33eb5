//! The second step of every change.

pub mod review;
pub mod two_step;
