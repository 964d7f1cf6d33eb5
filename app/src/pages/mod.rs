//! One file a noun; each page is a pure function of what it shows.

mod audit;
mod authenticator;
mod confirm;
mod environment;
mod environments;
mod error;
mod gallery;
mod key_forms;
mod key_version;
mod keys;
mod password;
mod profile;
mod recovery_codes;
mod removal;
mod renaming;
mod replacement;
mod setup;
mod sign_in;

pub use audit::*;
pub use authenticator::*;
pub use confirm::*;
pub use environment::*;
pub use environments::*;
pub use error::*;
pub use gallery::*;
pub use key_forms::*;
pub use key_version::*;
pub use keys::*;
pub use password::*;
pub use profile::*;
pub use recovery_codes::*;
pub use removal::*;
pub use renaming::*;
pub use replacement::*;
pub use setup::*;
pub use sign_in::*;
