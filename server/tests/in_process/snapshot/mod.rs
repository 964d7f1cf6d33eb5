//! The answers of every page, endpoint and setting, compared with snapshots.

pub mod doors;
mod outline;
mod pages;
mod settings;
