//! API keys, and how services use them.

pub mod api_guide;
pub mod api_key_forms;
pub mod api_keys;
