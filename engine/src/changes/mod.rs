//! Changes: prepared, reviewed, confirmed; the proof that is made of it; and the second factor that confirms.

pub mod authority;
pub mod prepare;
pub mod recovery;
mod second_factor;
pub mod session;
pub(crate) mod throttle;
pub mod totp;
