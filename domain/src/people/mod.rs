//! Administrators.

pub mod command;
pub mod password;
pub mod view;
