//! Executes a request that carries a code once: when a browser sends the same form a second time, the second is told what became of
//! the first (`engine::changes::answered`).

use super::cookies;
use super::failure::Failure;
use super::guard::busy;
use super::visitor::Visitor;
use crate::App;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::changes::answered::{Asked, First, Known};
use engine::{Error, SecretBytes};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Interval between two looks at whether the first request has its answer, and their number: a request may last 10 s.
const LOOKS: (Duration, usize) = (Duration::from_millis(50), 180);

/// The headers of a redirect, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept(Vec<(String, String)>);

/// Hands every request on that carries no code. Of equal requests with a code, only the first is handed on.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    if *request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let token = cookies::token(&app, &parts.headers);
    // The body has arrived, and the limit on its size holds already.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return busy() };
    let asked = token.filter(|_| has_code(&bytes)).map(|token| {
        let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
        Asked::of(&token, address, &bytes)
    });
    let Some(asked) = asked else {
        return next.run(Request::from_parts(parts, Body::from(bytes))).await;
    };
    let visitor = match Visitor::from_request_parts(&mut parts, &app).await {
        Ok(visitor) => visitor,
        Err(failure) => return failure.into_response(),
    };
    // Who waits looks the session up again before the request runs.
    parts.extensions.remove::<Visitor>();
    let (pause, looks) = LOOKS;
    for _ in 0..looks {
        match app.portal().notes().known(&asked).await {
            Ok(Known::Answered(kept)) => return shown(kept.expose()).unwrap_or_else(failed),
            Ok(Known::AtWork) => tokio::time::sleep(pause).await,
            // A session that steps up is replaced, so only now it is sure that the token never had one. It must not make a row.
            Ok(Known::Nothing) if visitor.session.is_none() => {
                return next.run(Request::from_parts(parts, Body::from(bytes))).await;
            }
            Ok(Known::Nothing) => {
                let request = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
                match to_its_end(first(app.clone(), asked.clone(), request, next.clone())).await {
                    Ok(Some(response)) => return response,
                    // An equal request was faster.
                    Ok(None) => {}
                    Err(error) => return failed(error),
                }
            }
            Err(error) => return failed(error),
        }
    }
    busy()
}

fn failed(error: Error) -> Response {
    Failure::from(error).into_response()
}

/// Runs work to its end, also when the browser hangs up: it does so when it sends the form again.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program ends.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs the request, if it is the first of equal ones.
async fn first(app: App, asked: Asked, request: Request, next: Next) -> Result<Option<Response>, Error> {
    let Some(first) = app.portal().notes().begin_answer(&asked).await? else { return Ok(None) };
    let response = next.run(request).await;
    Ok(Some(keep(&app, first, response).await))
}

/// Checks whether a form has a field for a code that is filled in.
fn has_code(form: &[u8]) -> bool {
    url::form_urlencoded::parse(form)
        .any(|(field, value)| matches!(field.as_ref(), "code" | "recovery_code") && !value.is_empty())
}

/// Keeps an answer that leads on, and returns it. A refusal is not kept: each refused code counts.
async fn keep(app: &App, first: First, response: Response) -> Response {
    let headers = response.headers().iter().map(|(name, value)| {
        let text = value.to_str().ok()?;
        Some((name.to_string(), text.to_owned()))
    });
    let kept = (response.status() == StatusCode::SEE_OTHER)
        .then(|| serde_json::to_vec(&Kept(headers.collect::<Option<_>>()?)).map(SecretBytes::new).ok())
        .flatten();
    if let Err(error) = app.portal().notes().keep_answer(first, kept).await {
        tracing::warn!(%error, "an answer could not be kept; an equal request is refused");
    }
    response
}

/// Makes a response of an answer that was kept.
fn shown(kept: &[u8]) -> Result<Response, Error> {
    let unreadable = || Error::Fault("a kept answer cannot be read".into());
    let Kept(headers) = serde_json::from_slice(kept).map_err(|_| unreadable())?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, text) in headers {
        let name = HeaderName::try_from(name).map_err(|_| unreadable())?;
        let mut value = HeaderValue::try_from(text).map_err(|_| unreadable())?;
        // As in `pages::with_cookie`.
        value.set_sensitive(name == SET_COOKIE);
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
