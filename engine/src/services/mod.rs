//! The vendor's services: their API keys, and how much each version is used.

pub(crate) mod api_keys;
pub(crate) mod usage;
