//! What countries lack, said beside them.

pub mod lack;
