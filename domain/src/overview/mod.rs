//! The tree, the frame around every page, and what countries lack.

pub mod frame;
pub mod lack;
pub mod view;
