//! `/healthz`: the process is alive. `/readyz`: it can serve and is not draining.

use crate::App;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Answers OPTIONS for the server as a whole. HAProxy sends `OPTIONS / HTTP/1.0` without `Host` as its default check, so the answer
/// is that of `/readyz`. OPTIONS of the two addresses of checks also names their methods.
pub async fn answer_options(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_options = *request.method() == Method::OPTIONS;
    let mut response = match request.uri().path() {
        "/" | "*" if is_options => readyz(State(app)).await.into_response(),
        "/healthz" | "/readyz" if is_options => next.run(request).await,
        _ => return next.run(request).await,
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    // Only the database decides: a customer's KMS that is away must not take the server from the balancer.
    match tokio::time::timeout(PATIENCE, app.portal().ready()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
