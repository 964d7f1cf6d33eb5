//! The data plane: its operations, the base64 of its bodies, the codes of its failures, and the secrets from which keys for deterministic fields are derived.

pub mod base64;
pub mod code;
pub mod command;
pub mod operation;
pub mod tenant_secret;
pub mod view;
