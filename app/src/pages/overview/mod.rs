//! The overview: what needs attention, the grid of all countries, the calendar, and what an operator looks after.

pub mod attention;
pub mod calendar;
pub mod grid;
pub mod lack;
pub mod next_steps;
pub mod page;
pub mod upkeep;
