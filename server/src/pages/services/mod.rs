//! API keys.

pub mod api_keys;
mod create_api_key;
mod revoke_api_key;
