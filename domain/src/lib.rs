//! The vocabulary of Keystead: nouns and the rules they obey.
//!
//! No async, no I/O, no clock, no randomness, no secrets: everything here also compiles to
//! WebAssembly. A rule is a pure function that answers with a small enum saying *why not*.

#![forbid(unsafe_code)]

pub mod alias;
pub mod api_key;
pub mod audit;
pub mod aws;
pub mod command;
mod country_table;
pub mod data;
pub mod form;
pub mod health;
pub mod id;
pub mod journal;
pub mod key_version;
pub mod limits;
pub mod number;
pub mod password;
pub mod preflight;
pub mod problem;
pub mod rotation;
pub mod scope;
pub mod tenant_secret;
pub mod view;
pub mod words;

pub use problem::Problem;
