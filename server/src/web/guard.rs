//! Limits of load: so many requests at a time, so long each; the rest is told to come back.

use super::failure::Failure;
use super::unread;
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
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};

/// Requests under way at once.
const AT_ONCE: usize = 256;
/// So long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What there is to be had, for all requests together.
#[derive(Clone)]
pub struct Limits {
    /// Requests under way at once.
    places: Arc<Semaphore>,
    /// All bodies together that have begun to arrive.
    bytes: Arc<Semaphore>,
    /// All answers together that are not read yet.
    answers: Arc<Semaphore>,
    /// The largest body.
    body: usize,
    /// What is begun is done to its end, also when nobody waits for it any more.
    to_its_end: bool,
}

impl Limits {
    /// `bodies`: of all bodies together, and of all answers.
    fn new(body: usize, bodies: usize) -> Self {
        let [places, bytes, answers] = [AT_ONCE, bodies, bodies].map(|many| Arc::new(Semaphore::new(many)));
        Self { places, bytes, answers, body, to_its_end: false }
    }

    /// Of the pages: forms are small.
    pub fn portal() -> Self {
        Self::new(64 * 1024, 32 * 1024 * 1024)
    }

    /// Waits until no request is under way any more; afterwards none is let in.
    pub async fn idle(&self) {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        if let Ok(all) = self.places.acquire_many(all).await {
            all.forget();
        }
    }

    /// Of the doors: a batch may be a thousand items; and what was done is written down, whoever hangs up.
    pub fn data_plane() -> Self {
        Self { to_its_end: true, ..Self::new(1024 * 1024, 64 * 1024 * 1024) }
    }
}

/// A place is for work, not for waiting: a request takes one when it is there as a whole, so that
/// slow clients cannot keep the others out.
pub async fn shed(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let until = Instant::now() + PATIENCE;
    let connection = request.extensions().get::<Connection>().cloned();
    let arrived = timeout_at(until, whole(request, &limits)).await;
    let (request, bytes) = match arrived {
        Ok(Ok(arrived)) => arrived,
        Ok(Err(refused)) => return refused,
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let Ok(place) = limits.places.clone().try_acquire_owned() else { return busy() };
    let at_work = connection.map(Connection::at_work);
    let work = async move {
        let _held = (bytes, place, at_work);
        next.run(request).await
    };
    let done = match limits.to_its_end {
        true => timeout_at(until, apart(work)).await,
        false => timeout_at(until, work).await,
    };
    match done {
        Ok(response) => unread::with_room(response, &limits.answers).await.unwrap_or_else(busy),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Work that goes on when its client is gone. A panic in it is one here.
async fn apart(work: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(work).await.map_err(JoinError::try_into_panic) {
        Ok(response) => response,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The program ends.
        Err(Err(_)) => busy(),
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
