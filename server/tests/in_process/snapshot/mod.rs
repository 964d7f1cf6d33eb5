//! How every page, row of a door and setting answers, compared with what it answered before.

mod doors;
mod outline;
mod pages;
mod settings;
