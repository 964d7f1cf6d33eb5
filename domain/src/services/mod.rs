//! API keys.

pub mod api_key;
