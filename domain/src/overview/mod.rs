//! The overview: the tree, the frame around every page, what needs attention, the grid of all countries, the calendar, and what an
//! operator looks after.

pub mod attention;
pub mod calendar;
pub mod frame;
pub mod grid;
pub mod lack;
pub mod upkeep;
pub mod view;
