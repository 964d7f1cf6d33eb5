//! The pages: one folder per room, one file per noun. Each page is a pure function of the data that it shows.

pub mod audit;
pub mod changes;
pub mod custody;
pub mod data;
mod error;
mod gallery;
pub mod keys;
pub mod overview;
pub mod people;
pub mod scopes;
pub mod services;

pub use audit::page::*;
pub use changes::confirm::*;
pub use custody::aws_guide::*;
pub use custody::credentials::*;
pub use data::tenant_secrets::*;
pub use error::*;
pub use gallery::*;
pub use keys::forms::*;
pub use keys::list::*;
pub use keys::version::*;
pub use people::authenticator::*;
pub use people::password::*;
pub use people::profile::*;
pub use people::recovery_codes::*;
pub use people::replacement::*;
pub use people::setup::*;
pub use people::sign_in::*;
pub use scopes::alias::*;
pub use scopes::environment::*;
pub use scopes::environments::*;
pub use scopes::removal::*;
pub use scopes::renaming::*;
pub use services::api_guide::*;
pub use services::api_key_forms::*;
pub use services::api_keys::*;
