//! Failures of environments, countries and aliases.

use super::Row;
use domain::scopes::alias::AliasRefused;
use domain::scopes::scope::{NameRefused, NotACountry};

#[derive(Debug, thiserror::Error)]
pub enum ScopesError {
    #[error("name refused: {0}")]
    Name(#[from] NameRefused),
    #[error("the slug {0} is or was in use")]
    SlugTaken(String),
    #[error("there are {limit} environments")]
    TooManyEnvironments { limit: i64 },
    #[error("the name is the one it has")]
    NameUnchanged,
    #[error("country refused: {0}")]
    Country(#[from] NotACountry),
    #[error("{0} is there already")]
    CountryTaken(&'static str),
    #[error("alias refused: {0}")]
    Alias(#[from] AliasRefused),
    #[error("an encryption key exists")]
    HasKeys,
}

impl ScopesError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Name(refused) => Row::invalid(refused.to_string()).at("name"),
            Self::SlugTaken(slug) => Row::invalid(format!(
                "The address “{slug}” made from this name is or was in use, and addresses are never used again. Choose another name."
            ))
            .at("name"),
            Self::TooManyEnvironments { limit } => Row::conflict(format!(
                "There are {limit} environments, and there cannot be more. Remove one that is empty."
            )),
            Self::NameUnchanged => Row::invalid("This is the name it has. Enter another.").at("name"),
            Self::Country(refused) => Row::invalid(refused.to_string()).at("country"),
            Self::CountryTaken(name) => {
                Row::invalid(format!("{name} is in this environment already.")).at("country")
            }
            Self::Alias(refused) => Row::invalid(refused.to_string()).at("alias"),
            Self::HasKeys => Row::conflict(
                "An encryption key exists here. It may be needed to decrypt, so this cannot be removed.",
            ),
        }
    }
}
