//! Limits of load: so many requests at a time, so long each; the rest is told to come back.

use super::failure::Failure;
use crate::connections::Connection;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// So long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What there is to be had, for all requests together.
#[derive(Clone)]
pub struct Limits {
    /// Requests under way at once.
    places: Arc<Semaphore>,
    /// All bodies together that have begun to arrive.
    bytes: Arc<Semaphore>,
    /// The largest body.
    body: usize,
}

impl Limits {
    fn new(at_once: usize, body: usize, bodies: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)), bytes: Arc::new(Semaphore::new(bodies)), body }
    }

    /// Of the pages: forms are small.
    pub fn portal() -> Self {
        Self::new(256, 64 * 1024, 32 * 1024 * 1024)
    }

    /// Of the doors: a batch may be a thousand items.
    pub fn data_plane() -> Self {
        Self::new(256, 1024 * 1024, 64 * 1024 * 1024)
    }
}

/// A place is for work, not for waiting: a request takes one when it is there as a whole, so that
/// slow clients cannot keep the others out.
pub async fn shed(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let until = Instant::now() + PATIENCE;
    let connection = request.extensions().get::<Connection>().cloned();
    let arrived = timeout_at(until, whole(request, &limits)).await;
    let (request, _bytes) = match arrived {
        Ok(Ok(arrived)) => arrived,
        Ok(Err(refused)) => return refused,
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let Ok(_place) = limits.places.try_acquire() else { return busy() };
    let _at_work = connection.map(Connection::at_work);
    match timeout_at(until, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

fn busy() -> Response {
    Failure::from(engine::Error::Busy).into_response()
}

/// The request with all of its body, and what that takes of the memory for bodies.
async fn whole(
    request: Request,
    limits: &Limits,
) -> Result<(Request, Option<OwnedSemaphorePermit>), Response> {
    let (parts, mut body) = request.into_parts();
    let (mut arrived, mut held) = (Vec::new(), None::<OwnedSemaphorePermit>);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        let Ok(data) = frame.into_data() else { continue };
        if arrived.len() + data.len() > limits.body {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        }
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let more = limits.bytes.clone().try_acquire_many_owned(size).map_err(|_| busy())?;
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        arrived.extend_from_slice(&data);
    }
    Ok((Request::from_parts(parts, Body::from(arrived)), held))
}
