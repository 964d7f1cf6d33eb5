//! The second step of every change.

pub mod review;
