//! Keys that a customer holds: the AWS values that are typed or pasted, the pre-flight and the health of such a key.

pub mod aws;
pub mod command;
pub mod customer_key;
pub mod health;
pub mod preflight;
pub mod vendor;
pub mod view;
