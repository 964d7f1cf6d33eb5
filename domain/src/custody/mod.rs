//! Whoever else holds a key: AWS, what is typed or pasted of it, the pre-flight and the health of such a key.

pub mod aws;
pub mod command;
pub mod customer_key;
pub mod health;
pub mod preflight;
pub mod view;
