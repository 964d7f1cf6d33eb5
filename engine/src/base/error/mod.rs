//! The failures of the use cases, and the part of each that leaves the process.
//!
//! Each room has a small enum in a file of its own. The enums are in `base`, because every room passes on the failures of the
//! rooms it uses. Every variant has its row: the code for programs, the status, the field of the form, the message.

mod audit;
mod changes;
mod custody;
mod keys;
mod people;
mod row;
mod scopes;
mod services;
mod store;
mod vault;

use crate::base::refused::Refused;
pub use audit::AuditError;
pub use changes::ChangesError;
pub use custody::CustodyError;
use domain::base::problem::{Code, Problem};
use domain::keys::key_version::NotManaged;
use domain::people::password::PasswordRefused;
use domain::scopes::alias::AliasRefused;
use domain::scopes::scope::{NameRefused, NotACountry};
use domain::services::api_key::ApiKeyRefused;
pub use keys::KeysError;
pub use people::PeopleError;
pub(crate) use row::Row;
pub use scopes::ScopesError;
pub use services::ServicesError;
pub use store::{Source, StoreError};
pub use vault::VaultError;

/// The reason why a use case failed or was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Changes(#[from] ChangesError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error(transparent)]
    Scopes(#[from] ScopesError),
    #[error(transparent)]
    Services(#[from] ServicesError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Custody(#[from] CustodyError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Data(#[from] Refused),
    #[error("it does not exist")]
    NotFound,
    #[error("the queue for password checks is full")]
    Busy,
    #[error("{0}")]
    Fault(String),
}

/// Converts a refusal by the rules of a room to a failure of that room.
macro_rules! refusals {
    ($($refused:ty => $room:ident;)*) => {$(
        impl From<$refused> for Error {
            fn from(refused: $refused) -> Self {
                $room::from(refused).into()
            }
        }
    )*};
}
refusals! {
    PasswordRefused => PeopleError;
    NameRefused => ScopesError;
    NotACountry => ScopesError;
    AliasRefused => ScopesError;
    ApiKeyRefused => ServicesError;
    NotManaged => KeysError;
}

impl Error {
    fn row(&self) -> Row {
        match self {
            Self::Store(error) => error.row(),
            Self::Vault(error) => error.row(),
            Self::Changes(error) => error.row(),
            Self::People(error) => error.row(),
            Self::Scopes(error) => error.row(),
            Self::Services(error) => error.row(),
            Self::Audit(error) => error.row(),
            Self::Custody(error) => error.row(),
            Self::Keys(error) => error.row(),
            Self::Data(refused) => refused.row(),
            Self::NotFound => Row::not_found("There is nothing at this address."),
            Self::Busy => Row::busy("Keystead is busy. Try again in a few seconds."),
            Self::Fault(_) => Row::internal(),
        }
    }

    /// Checks whether the server is at fault. The server logs such errors, in full, at the boundary.
    pub fn is_fault(&self) -> bool {
        // Outages have the status of a full queue, but an operator must hear of them.
        let is_outage = matches!(self, Self::Store(_) | Self::Audit(_));
        is_outage || self.row().status == Code::Internal
    }

    /// Returns the one-word code for programs: in the journal, in metrics, in the type of a problem.
    pub fn word(&self) -> &'static str {
        self.row().code
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let Row { status, field, message, .. } = error.row();
        let problem = Problem::new(status, message);
        match field {
            Some(field) => problem.at(field),
            None => problem,
        }
    }
}
