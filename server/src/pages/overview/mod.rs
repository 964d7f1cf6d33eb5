//! The overview, the calendar, and the theme switch that every page carries.

pub mod calendar;
pub mod home;
