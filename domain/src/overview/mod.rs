//! The tree, the frame around every page, what countries lack, what an operator looks after, and the steps
//! after the first key.

pub mod frame;
pub mod lack;
pub mod next_steps;
pub mod upkeep;
pub mod view;
