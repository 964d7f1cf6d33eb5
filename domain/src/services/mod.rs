//! API keys.

pub mod api_key;
pub mod command;
pub mod view;
