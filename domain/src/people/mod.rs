//! Administrators.

pub mod password;
