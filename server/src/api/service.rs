//! Who asks: a service with an API key.

use super::{Failed, tsp};
use crate::App;
use crate::web::visitor;
use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::data::Deed;
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

/// Nobody without a key that works sends a body: it would be waited for, and take room from those who have one. The handler
/// looks again, when the body is there.
pub async fn known_first(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let is_tsp = tsp::is_here(parts.uri.path());
    let key = ApiKey::of(&parts, if is_tsp { &["cmk"] } else { &["ApiKey", "Bearer"] });
    let caller = match key {
        Some(key) => app.portal().caller(&key.0, "").await,
        None => Err(Error::UnknownApiKey),
    };
    match caller {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(error) if is_tsp => tsp::Refusal::of(&error, Deed::Wrap).into_response(),
        Err(error) => Failed::from(error).into_response(),
    }
}
