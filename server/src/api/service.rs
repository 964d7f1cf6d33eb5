//! Authentication of services by their API keys.

use super::door::DoorSpec;
use crate::App;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use engine::base::error::ServicesError;
use engine::data::access::Caller;
use engine::{Error, SecretText};
use std::sync::Arc;

/// The key that a request carries, under one of its door's schemes.
pub struct ApiKey(pub SecretText);

impl ApiKey {
    /// Reads `Authorization: <scheme> <key>`, which must occur once; schemes are compared without case (RFC 9110, 11.1).
    pub fn of(parts: &Parts, door: &DoorSpec) -> Option<Self> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        let is_known = door.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme));
        is_known.then(|| Self(SecretText::new(key)))
    }
}

/// Authenticates the caller by its API key.
///
/// # Errors
/// [`ServicesError::UnknownApiKey`] when there is no valid key.
pub async fn caller(app: &App, key: Option<&ApiKey>, from: &Arc<str>) -> Result<Caller, Error> {
    let key = key.ok_or(Error::Services(ServicesError::UnknownApiKey))?;
    app.portal().access().caller(&key.0, Arc::clone(from)).await
}
