//! The tree, the frame around every page, what countries lack, and what an operator looks after.

pub mod frame;
pub mod lack;
pub mod upkeep;
pub mod view;
