//! What countries lack, what an operator looks after, and the steps after the first key.

pub mod lack;
pub mod next_steps;
pub mod upkeep;
