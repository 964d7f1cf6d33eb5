//! API keys.

pub mod api_keys;
