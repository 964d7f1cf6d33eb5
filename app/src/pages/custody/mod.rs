//! Keys that a customer's KMS releases: forms, checks, health, leases.

pub mod aws_fields;
pub mod aws_guide;
pub mod check_now;
pub mod credentials;
pub mod data_flow;
pub mod health_badge;
pub mod lease_card;
pub mod preflight;
