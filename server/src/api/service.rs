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

/// The schemes of the native door.
const NATIVE: &[&str] = &["ApiKey", "Bearer"];
/// The scheme of the TSP door.
const TSP: &[&str] = &["cmk"];

/// Who asks, by the key under one of these schemes.
async fn caller(parts: &Parts, app: &App, schemes: &[&str]) -> Result<Caller, Error> {
    let key = ApiKey::of(parts, schemes).ok_or(Error::UnknownApiKey)?;
    let address = visitor::client(app, &parts.extensions, &parts.headers);
    app.portal().caller(&key.0, &address).await
}

/// A service whose key works, at the native door.
pub struct Service(pub Caller);

impl FromRequestParts<App> for Service {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failed> {
        Ok(Self(caller(parts, app, NATIVE).await?))
    }
}

/// A service whose key works, at the TSP door.
pub struct Client(pub Caller);

impl FromRequestParts<App> for Client {
    type Rejection = tsp::Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, tsp::Refusal> {
        caller(parts, app, TSP).await.map(Self).map_err(|error| tsp::Refusal::of(&error, Deed::Wrap))
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
    match caller(&parts, &app, if is_tsp { TSP } else { NATIVE }).await {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(error) if is_tsp => tsp::Refusal::of(&error, Deed::Wrap).into_response(),
        Err(error) => Failed::from(error).into_response(),
    }
}
