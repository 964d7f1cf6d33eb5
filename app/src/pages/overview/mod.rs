//! Badges that show what countries lack.

pub mod lack;
