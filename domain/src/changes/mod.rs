//! Changes that wait for their verification code.

pub mod view;
