//! API keys, with which the vendor's services authenticate.

use crate::base::id::{EnvironmentId, ScopeId};
use crate::base::number::listed_days;
use crate::base::typed;
use crate::data::operation::Operation;
use crate::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Maximum number of live keys of one name: the key in use, and its successor.
pub const LIVE_OF_A_NAME: usize = 2;
/// The beginning of every key, in base64.
pub const PREFIX: &str = "kstd";
/// Number of characters of a key.
// 33 bytes fill base64 without padding: 3 fixed ones, 6 of the id and 24 of the secret.
pub const LENGTH: usize = 44;
/// Number of characters of a key that may be shown: the prefix and the id.
pub const SEEN: usize = 12;

/// The public part of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyId(pub [u8; 6]);

impl ApiKeyId {
    /// Returns the beginning of the key: "kstdAbCd1234". A person who has the key finds its row by it.
    pub fn seen(self) -> String {
        format!("{PREFIX}{}", data_encoding::BASE64.encode(&self.0))
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The text is not the id of an API key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key ID: enter its 12 hexadecimal digits, or the first 12 characters of the key (kstd…)")]
pub struct NotAnId;

impl std::str::FromStr for ApiKeyId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // `k` is no hexadecimal digit, so the two forms cannot be confused.
        let bytes = match text.strip_prefix(PREFIX) {
            Some(id) => data_encoding::BASE64.decode(id.as_bytes()),
            None => HEXLOWER.decode(text.as_bytes()),
        };
        bytes.ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotAnId)
    }
}

/// The reach of a key: one scope, or every country of an environment, including countries added later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reach {
    pub environment: Slug,
    pub country: Option<Country>,
}

/// The text names no scope and no environment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a scope: write production/DE, or production/* for every country of an environment")]
pub struct NotAReach;

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.country {
            Some(country) => write!(f, "{}/{country}", self.environment),
            None => write!(f, "{}/*", self.environment),
        }
    }
}

impl std::str::FromStr for Reach {
    type Err = NotAReach;
    fn from_str(text: &str) -> Result<Self, NotAReach> {
        if let Some(environment) = text.strip_suffix("/*") {
            let environment = Slug::try_from(environment.to_owned()).map_err(|_| NotAReach)?;
            return Ok(Self { environment, country: None });
        }
        let ScopeName { environment, country } = text.parse().map_err(|_| NotAReach)?;
        Ok(Self { environment, country: Some(country) })
    }
}

impl Reach {
    /// Formats the reach for a person, with everything it includes.
    pub fn explained(&self) -> String {
        match self.country {
            Some(_) => self.to_string(),
            None => format!("{self} (all countries of {}, including ones added later)", self.environment),
        }
    }

    pub fn includes(&self, scope: &ScopeName) -> bool {
        self.environment == scope.environment && self.country.is_none_or(|country| country == scope.country)
    }
}

/// A reach with the ids of its database rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub environment: EnvironmentId,
    pub scope: Option<ScopeId>,
    pub reach: Reach,
}

/// The environments that a key is to reach, by their kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfKinds {
    production: Vec<Slug>,
    test: Vec<Slug>,
}

impl OfKinds {
    pub fn add(&mut self, kind: EnvironmentKind, environment: &Slug) {
        let of_kind = match kind {
            EnvironmentKind::Production => &mut self.production,
            EnvironmentKind::Test => &mut self.test,
        };
        if !of_kind.contains(environment) {
            of_kind.push(environment.clone());
        }
    }

    /// Checks that all are of one kind: a key that is used where tests run must not reach real data.
    ///
    /// # Errors
    /// [`ApiKeyRefused::TwoKinds`].
    pub fn are_one(self) -> Result<(), ApiKeyRefused> {
        if self.production.is_empty() || self.test.is_empty() {
            Ok(())
        } else {
            Err(ApiKeyRefused::TwoKinds(self))
        }
    }
}

impl fmt::Display for OfKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |slugs: &[Slug]| slugs.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "Production ({}) and Test ({})", list(&self.production), list(&self.test))
    }
}

/// The reason why a key cannot be created. The person reads the text beside the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyRefused {
    #[error("Choose at least one scope.")]
    NoScope,
    #[error("Choose at least one operation.")]
    NoOperation,
    #[error(
        "A key reaches environments of one kind only. These scopes are of both kinds: {0}. Choose scopes of one kind, and create \
         another key for the others."
    )]
    TwoKinds(OfKinds),
    #[error("There is no {0}. Add it first, or choose another.")]
    UnknownScope(Reach),
    #[error(
        "There are already {LIVE_OF_A_NAME} active keys named \"{0}\", which is the maximum. Revoke one, or choose another name."
    )]
    TwoLive(String),
}

listed_days! {
    /// The lifetime of a key: at most a year.
    Lifetime { Days30 = 30, Days90 = 90, Days180 = 180, #[default] Days365 = 365 }
}

impl Lifetime {
    pub fn end(self, from: DateTime<Utc>) -> DateTime<Utc> {
        from + TimeDelta::days(self.days())
    }
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Live,
    Expired,
    Revoked,
}

impl State {
    pub fn of(revoked_at: Option<DateTime<Utc>>, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        match revoked_at {
            Some(_) => Self::Revoked,
            None if expires_at <= now => Self::Expired,
            None => Self::Live,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Joins the words of the chosen operations with commas, each once, in the order of [`Operation::ALL`].
pub fn words(operations: &[Operation]) -> String {
    let chosen = Operation::ALL.iter().filter(|operation| operations.contains(operation));
    chosen.map(|operation| operation.word()).collect::<Vec<_>>().join(",")
}

/// Parses operations from such a text; `None` when it contains any other word, or is empty.
pub fn from_words(text: &str) -> Option<Vec<Operation>> {
    text.split(',').map(|word| Operation::from_word(typed::trimmed(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_what_may_be_seen_of_it() {
        let id = ApiKeyId([0, 1, 2, 253, 254, 255]);
        assert_eq!((id.to_string().as_str(), id.seen().as_str()), ("000102fdfeff", "kstdAAEC/f7/"));
        for text in [id.to_string(), id.seen()] {
            assert_eq!(text.parse(), Ok(id));
        }
        for bad in ["", "kstd", "kstdAAEC", "000102fdfe", "000102FDFEFF", "kstdAAEC/f7/AAAA"] {
            assert_eq!(bad.parse::<ApiKeyId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn a_reach_is_one_scope_or_an_environment() {
        let scope = |environment: &str, country| ScopeName {
            environment: Slug::try_from(environment.to_owned()).expect("a slug"),
            country: Country::from_code(country).expect("a country"),
        };
        let one: Reach = "production/DE".parse().expect("a scope");
        let all: Reach = "production/*".parse().expect("an environment");
        assert!(one.includes(&scope("production", "DE")) && !one.includes(&scope("production", "FR")));
        assert!(all.includes(&scope("production", "FR")) && !all.includes(&scope("staging", "FR")));
        assert_eq!((one.to_string(), all.to_string()), ("production/DE".into(), "production/*".into()));
        for bad in ["", "production", "production/", "production/de", "*/DE", "production/DE/x", "Pro/DE"] {
            assert_eq!(bad.parse::<Reach>(), Err(NotAReach), "{bad}");
        }
    }

    #[test]
    fn operations_are_words_in_their_own_order() {
        assert_eq!(words(&[Operation::Wrap, Operation::Encrypt, Operation::Wrap]), "encrypt,wrap");
        assert_eq!(from_words("encrypt,\u{a0}wrap\u{200b}"), Some(vec![Operation::Encrypt, Operation::Wrap]));
        for bad in ["", "encrypt,", "encrypt;wrap", "Encrypt", "all"] {
            assert_eq!(from_words(bad), None, "{bad}");
        }
    }
}
