//! Changes that wait for their code.

pub mod view;
