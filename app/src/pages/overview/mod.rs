//! What countries lack, and what an operator looks after.

pub mod lack;
pub mod upkeep;
