//! The data plane: its operations, and the secrets from which keys for deterministic fields are derived.

pub mod command;
pub mod operation;
pub mod tenant_secret;
pub mod view;
