//! The tree, what stands around every page, what countries lack.

pub mod frame;
pub mod lack;
pub mod view;
