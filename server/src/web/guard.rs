//! Limits of load: so many requests at a time, so long each; the rest is told to come back.

use super::failure::Failure;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests of the portal under way at once.
pub const AT_ONCE: usize = 256;
/// So long a request may take, its body included.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Largest form.
pub const BODY: usize = 64 * 1024;

pub async fn shed(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Failure::from(engine::Error::Busy).into_response();
    };
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}
