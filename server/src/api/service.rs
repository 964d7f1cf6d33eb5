//! Authentication of services by their API keys.

use super::door::DoorSpec;
use crate::App;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use domain::services::api_key::{LENGTH, PREFIX};
use engine::base::error::ServicesError;
use engine::data::access::Caller;
use engine::{Error, SecretText};
use std::sync::Arc;

/// White space that may stand around the scheme and the key (RFC 9110, 5.5 and 11.4).
const BLANKS: [char; 2] = [' ', '\t'];

/// The key that a request carries, under one of its door's schemes.
pub struct ApiKey(pub SecretText);

/// Why a request carries no text that could be an API key. Whether a key exists plays no part in it, and no variant has a text
/// of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    NoHeader,
    TwoHeaders,
    NoScheme,
    OtherScheme,
    Empty,
    Quoted,
    WhiteSpace,
    Foreign,
    Length,
}

impl NoKey {
    /// Says what is wrong, in words for a client of this door.
    pub fn at(self, door: &DoorSpec) -> String {
        let scheme = door.schemes.first().copied().unwrap_or_default();
        let known = door.schemes.join(" or ");
        let mend = format!("Send `{scheme}`, a space and the API key.");
        match self {
            Self::NoHeader => format!("The request has no header `Authorization`. {mend}"),
            Self::TwoHeaders => "The request has more than one header `Authorization`. Send one.".to_owned(),
            Self::NoScheme => format!("The header `Authorization` has no scheme. {mend}"),
            Self::OtherScheme => {
                format!("The scheme in the header `Authorization` is not {known}. {mend}")
            }
            Self::Empty => format!("The header `Authorization` has no API key after its scheme. {mend}"),
            Self::Quoted => {
                "The API key stands in quotation marks or brackets. Send it without them.".to_owned()
            }
            Self::WhiteSpace => {
                format!("There is white space within the API key, or another word beside it. {mend}")
            }
            Self::Foreign => "The API key has a character that does not occur in API keys, such as that of an escaped line \
                              break (\\n, %0A). Send it without what stands around it."
                .to_owned(),
            Self::Length => format!(
                "This is not a whole API key: each has {LENGTH} characters and begins with {PREFIX}. Copy all of it."
            ),
        }
    }
}

impl ApiKey {
    /// Reads `Authorization: <scheme> <key>`, which must occur once; schemes are compared without case (RFC 9110, 11.1).
    ///
    /// # Errors
    /// [`NoKey`] when the header has no key under a scheme of the door.
    pub fn of(parts: &Parts, door: &DoorSpec) -> Result<Self, NoKey> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Err(NoKey::NoHeader),
            (Some(value), None) => value,
            _ => return Err(NoKey::TwoHeaders),
        };
        let text = value.to_str().map_err(|_| NoKey::Foreign)?.trim_matches(BLANKS);
        let (scheme, key) = text.split_once(BLANKS).unwrap_or((text, ""));
        let key = key.trim_start_matches(BLANKS);
        let is_known = door.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme));
        match (is_known, key) {
            (true, "") => Err(NoKey::Empty),
            (true, key) => Ok(Self(SecretText::new(key))),
            (false, _) if is_quote(scheme.chars().next()) => Err(NoKey::Quoted),
            (false, "") if text.is_empty() => Err(NoKey::Empty),
            (false, "") => Err(NoKey::NoScheme),
            (false, _) => Err(NoKey::OtherScheme),
        }
    }

    /// Finds out why a text cannot be a key, whichever keys exist; `None` when it has the form of one.
    fn flaw(&self) -> Option<NoKey> {
        let text = self.0.expose();
        let is_of_key = |found: char| found.is_ascii_alphanumeric() || "+/".contains(found);
        if is_quote(text.chars().next()) || is_quote(text.chars().next_back()) {
            Some(NoKey::Quoted)
        } else if text.contains(BLANKS) {
            Some(NoKey::WhiteSpace)
        } else if !text.chars().all(is_of_key) {
            Some(NoKey::Foreign)
        } else {
            (text.len() != LENGTH || !text.starts_with(PREFIX)).then_some(NoKey::Length)
        }
    }
}

fn is_quote(found: Option<char>) -> bool {
    found.is_some_and(|found| "\"'`<>[](){}".contains(found))
}

/// Why a caller is not known.
pub enum Stranger {
    /// The engine does not know the key, or could not look.
    Refused(Error),
    /// The request has no text that could be a key.
    Unsaid(NoKey),
}

/// Authenticates the caller by its API key.
///
/// # Errors
/// [`Stranger`] when there is no valid key.
pub async fn caller(app: &App, key: Result<&ApiKey, &NoKey>, from: &Arc<str>) -> Result<Caller, Stranger> {
    let key = key.map_err(|why| Stranger::Unsaid(*why))?;
    match app.portal().access().caller(&key.0, Arc::clone(from)).await {
        // Every text that has the form of a key gets one answer, whether the key never existed, has expired or is revoked.
        Err(Error::Services(ServicesError::UnknownApiKey)) => Err(match key.flaw() {
            Some(why) => Stranger::Unsaid(why),
            None => Stranger::Refused(Error::Services(ServicesError::UnknownApiKey)),
        }),
        done => done.map_err(Stranger::Refused),
    }
}
