//! Who asks: a service with an API key.

use super::Failed;
use crate::App;
use crate::web::visitor;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use engine::access::Caller;
use engine::{Error, SecretText};

/// The key that a request carries, under one of these schemes.
pub struct ApiKey(pub SecretText);

impl ApiKey {
    /// `Authorization: <scheme> <key>`, said once; schemes are compared without case (RFC 9110, 11.1).
    pub fn of(parts: &Parts, schemes: &[&str]) -> Option<Self> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        let is_known = schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme));
        is_known.then(|| Self(SecretText::new(key)))
    }
}

/// A service whose key works, at the native door.
pub struct Service(pub Caller);

impl FromRequestParts<App> for Service {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failed> {
        let key = ApiKey::of(parts, &["ApiKey", "Bearer"]).ok_or(Error::UnknownApiKey)?;
        let address = visitor::client(app, &parts.extensions, &parts.headers);
        Ok(Self(app.portal().caller(&key.0, &address).await?))
    }
}
