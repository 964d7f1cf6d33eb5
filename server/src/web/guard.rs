//! Load limits: a maximum number of requests at work, and a time-out for each. Keystead answers 503 to a request that finds no
//! place.

use super::failure::Failure;
use super::unread;
use crate::run::connections::Connection;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Maximum number of requests at work.
const AT_ONCE: usize = 256;
/// Time-out of a request, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Capacities that all requests share.
#[derive(Clone)]
pub struct Limits {
    /// Requests at work.
    places: Arc<Semaphore>,
    /// Bytes of all bodies that have begun to arrive.
    bytes: Arc<Semaphore>,
    /// Bytes of all answers that clients have not read yet.
    answers: Arc<Semaphore>,
    /// Maximum size of a body.
    body: usize,
    /// Whether work that has begun completes even when its client is gone or its time is over.
    to_its_end: bool,
}

impl Limits {
    /// `bodies`: maximum bytes of all bodies together, and of all answers together.
    fn new(body: usize, bodies: usize) -> Self {
        let [places, bytes, answers] = [AT_ONCE, bodies, bodies].map(|many| Arc::new(Semaphore::new(many)));
        Self { places, bytes, answers, body, to_its_end: false }
    }

    /// Returns the limits of the pages, whose forms are small.
    pub fn portal() -> Self {
        Self::new(64 * 1024, 32 * 1024 * 1024)
    }

    /// Waits until no request is at work; afterwards none is admitted.
    pub async fn idle(&self) {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        if let Ok(all) = self.places.acquire_many(all).await {
            all.forget();
        }
    }

    /// Returns the limits of the doors. A batch may have a thousand items; work is completed and written to the journal even when
    /// the client disconnects.
    pub fn data_plane() -> Self {
        Self { to_its_end: true, ..Self::new(1024 * 1024, 64 * 1024 * 1024) }
    }
}

/// Applies the limits to a request. It takes a place only when it has arrived completely, so that slow clients cannot keep the
/// others out: places are for work, not for waiting.
pub async fn shed(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let until = until();
    let connection = request.extensions().get::<Connection>().cloned();
    let (parts, body) = request.into_parts();
    match limits.arrived(body, until).await {
        Ok(Arrived { bytes, held }) => {
            let work = next.run(Request::from_parts(parts, Body::from(bytes)));
            limits.perform(work, until, connection, held).await
        }
        Err(refused) => refused,
    }
}

/// Returns the deadline of a request that begins now.
pub fn until() -> Instant {
    Instant::now() + PATIENCE
}

/// A body that has arrived completely, and its share of the memory for bodies.
pub struct Arrived {
    pub bytes: Bytes,
    pub held: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// Waits for the whole body.
    ///
    /// # Errors
    /// The response to send when the body is too large, too slow or broken, or when there is no memory for it.
    pub async fn arrived<B>(&self, body: B, until: Instant) -> Result<Arrived, Response>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        match timeout_at(until, self.whole(body)).await {
            Ok(arrived) => arrived,
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
        }
    }

    async fn whole<B>(&self, mut body: B) -> Result<Arrived, Response>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let mut held = None::<OwnedSemaphorePermit>;
        // Most bodies come in one frame, which is not copied; several are joined.
        let (mut first, mut all) = (Bytes::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
            let Ok(data) = frame.into_data() else { continue };
            // `all` begins with `first`, so the longer one has every byte that has arrived.
            if first.len().max(all.len()) + data.len() > self.body {
                return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
            }
            // Keystead counts bytes that are here, not `Content-Length`: a chunked body has none, and a client may announce bytes
            // that never come.
            let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let more = self.bytes.clone().try_acquire_many_owned(size).map_err(|_| busy())?;
            match &mut held {
                Some(held) => held.merge(more),
                None => held = Some(more),
            }
            if first.is_empty() {
                first = data;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                }
                all.extend_from_slice(&data);
            }
        }
        Ok(Arrived { bytes: if all.is_empty() { first } else { all.into() }, held })
    }

    /// Performs the work of a request in one of the places.
    pub async fn perform(
        &self,
        work: impl Future<Output = Response> + Send + 'static,
        until: Instant,
        connection: Option<Connection>,
        body: Option<OwnedSemaphorePermit>,
    ) -> Response {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return busy() };
        let at_work = connection.map(Connection::at_work);
        let work = async move {
            // The work itself holds its place, so work that outlives its client still counts.
            let _held = (body, place, at_work);
            work.await
        };
        let done = match self.to_its_end {
            true => timeout_at(until, ToItsEnd(Some(Box::pin(work)))).await,
            false => timeout_at(until, work).await,
        };
        match done {
            // The place is free again: a client that reads slowly holds memory, not a place.
            Ok(response) => unread::with_room(response, &self.answers).await.unwrap_or_else(busy),
            // A page's handler has been dropped; the work of a door goes on.
            Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
        }
    }
}

/// A future that always completes: when dropped (client gone, time-out) it is spawned on the runtime.
struct ToItsEnd<F: Future<Output = Response> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output = Response> + Send + 'static> Future for ToItsEnd<F> {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        // Taken out while it is polled, so that work that panics is not spawned again.
        let Some(mut work) = self.0.take() else { return Poll::Ready(busy()) };
        let done = work.as_mut().poll(context);
        if done.is_pending() {
            self.0 = Some(work);
        }
        done
    }
}

impl<F: Future<Output = Response> + Send + 'static> Drop for ToItsEnd<F> {
    fn drop(&mut self) {
        // There is no runtime only when the program ends.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

pub fn busy() -> Response {
    Failure::from(engine::Error::Busy).into_response()
}
