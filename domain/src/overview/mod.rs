//! The overview: the tree, the frame around every page, what needs attention, the grid of all countries, the calendar, what an
//! operator looks after, and the steps after the first key.

pub mod attention;
pub mod calendar;
pub mod frame;
pub mod grid;
pub mod lack;
pub mod next_steps;
pub mod upkeep;
pub mod view;
