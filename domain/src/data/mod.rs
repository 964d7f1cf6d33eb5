//! The data plane: its operations, and the secrets that keys of deterministic fields are derived from.

pub mod command;
pub mod operation;
pub mod tenant_secret;
pub mod view;
