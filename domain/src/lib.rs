//! The vocabulary of Keystead: nouns and the rules they obey.
//!
//! No async, no I/O, no clock, no randomness, no secrets: everything here also compiles to
//! WebAssembly. A rule is a pure function that returns a small enum saying *why not*.
//!
//! The modules are the rooms that every floor has; `base` holds items that all of them use.

#![forbid(unsafe_code)]

pub mod audit;
pub mod base;
pub mod changes;
pub mod custody;
pub mod data;
pub mod keys;
pub mod overview;
pub mod people;
pub mod scopes;
pub mod services;

pub use base::problem::Problem;
