//! Changes: prepared, reviewed, confirmed; and the proof that is made of it.

pub mod authority;
pub mod prepare;
