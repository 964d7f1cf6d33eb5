//! Failures of environments, countries and aliases.

use super::Row;
use domain::scopes::alias::AliasRefused;
use domain::scopes::scope::{EnvironmentKind, NameRefused, NotACountry, SlugRefused};

#[derive(Debug, thiserror::Error)]
pub enum ScopesError {
    #[error("name refused: {0}")]
    Name(#[from] NameRefused),
    #[error("the name looks like {0}")]
    LooksLike(String),
    #[error("slug refused: {0}")]
    Slug(#[from] SlugRefused),
    #[error("no slug can be derived from the name")]
    NoSlug,
    #[error("the slug {0} is or was in use")]
    SlugTaken(String),
    #[error("the limit of {limit} environments is reached")]
    TooManyEnvironments { limit: usize },
    #[error("the kind is {} already", .0.label())]
    KindUnchanged(EnvironmentKind),
    #[error("API keys reach the environment and another one: {}", .0.join(", "))]
    KeyReachesMore(Vec<String>),
    #[error("the name is unchanged")]
    NameUnchanged,
    #[error("country refused: {0}")]
    Country(#[from] NotACountry),
    #[error("{0} is already in the environment")]
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
            Self::LooksLike(name) => Row::invalid(format!(
                "This name looks like that of the environment \"{name}\". Enter a name that cannot be confused with it."
            ))
            .at("name"),
            Self::Slug(refused) => Row::invalid(refused.to_string()).at("slug"),
            Self::NoSlug => Row::invalid(
                "Enter a URL name. This name has no letters (a to z) and no digits from which Keystead could derive it.",
            )
            .at("slug"),
            Self::SlugTaken(slug) => Row::invalid(format!(
                "Another environment has the URL name \"{slug}\", or a removed one that had encryption keys had it. Enter a different \
                 URL name."
            ))
            .at("slug"),
            Self::TooManyEnvironments { limit } => Row::conflict(format!(
                "The limit of {limit} environments is reached. Remove an environment that has no encryption keys."
            )),
            Self::KindUnchanged(kind) => {
                Row::invalid(format!("The kind is {} already. Choose the other one.", kind.label())).at("kind")
            }
            Self::KeyReachesMore(names) => {
                let (keys, these) = match &names[..] {
                    [name] => (format!("The API key \"{name}\" reaches"), "it"),
                    names => (format!("The API keys {} reach", quoted(names)), "them"),
                };
                Row::conflict(format!(
                    "{keys} this environment and another one, and a key reaches environments of one kind only. Create a key for each \
                     environment, let the services use those, and revoke {these}. Then change the kind."
                ))
            }
            Self::NameUnchanged => Row::invalid("This is already the name. Enter a different one.").at("name"),
            Self::Country(refused) => Row::invalid(refused.to_string()).at("country"),
            Self::CountryTaken(name) => {
                Row::invalid(format!("{name} is already in this environment.")).at("country")
            }
            Self::Alias(refused) => Row::invalid(refused.to_string()).at("alias"),
            Self::HasKeys => Row::conflict(
                "This cannot be removed because it has an encryption key. Existing data may need the key to be decrypted.",
            ),
        }
    }
}

/// Lists names as `"orders", "billing"`.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
