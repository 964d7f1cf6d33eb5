//! Tenant secrets.

pub mod tenant_secrets;
