//! Load limits: a maximum number of requests at work, a time-out for each, and a share of everything for each client
//! (`engine::base::shares`). Keystead answers 503 to a request that finds no place, or no room in its client's share.

use super::failure::Failure;
use super::turns::InTurn;
use super::{cookies, unread, visitor};
use crate::App;
use crate::run::connections::Connection;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::base::shares::{Held, Holder, Shares};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// Maximum number of requests for pages at work. They share the database, which answers a few at a time.
const PAGES_AT_ONCE: usize = 128;
/// Maximum number of requests of services at work. Some wait for a customer's KMS.
const CALLS_AT_ONCE: usize = 256;
/// Time-out of a request, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum time and size of a rest of a body that is forgotten.
const FORGOTTEN: (Duration, usize) = (Duration::from_secs(1), 1024 * 1024);

/// Maximum size of a body or an answer that takes no room where a connection can have one at a time only: the connections' own
/// buffers are as large.
pub const SMALL: usize = 16 * 1024;

/// The sender of a request.
#[derive(Clone)]
pub struct Sender {
    pub holder: Holder,
    pub connection: Option<Connection>,
    /// Over HTTP/2 a connection has many requests at a time.
    pub has_streams: bool,
}

impl Sender {
    /// Finds out who asks for a page.
    fn of_page(app: &App, parts: &Parts) -> Self {
        let connection = parts.extensions.get::<Connection>().cloned();
        let token = cookies::token(app, &parts.headers);
        let person = token.and_then(|token| app.portal().people().familiar.holder(&token));
        let holder = person.unwrap_or_else(|| {
            let address = visitor::heard(app, &parts.extensions, &parts.headers).address;
            visitor::stranger(address, connection.as_ref())
        });
        Self { holder, connection, has_streams: parts.version == Version::HTTP_2 }
    }

    /// Checks whether the connection takes turns with everything that is done for it. Where several requests are at work for one
    /// connection, or it is a proxy's, each of them takes turns by itself.
    fn is_in_turn(&self) -> bool {
        !self.has_streams && self.connection.as_ref().is_some_and(|connection| connection.holder().is_some())
    }
}

/// Capacities that all requests share.
#[derive(Clone)]
pub struct Limits {
    /// Requests at work.
    places: Shares,
    /// Bytes of all bodies that have begun to arrive.
    bytes: Shares,
    /// Bytes of all answers that clients have not read yet.
    answers: Shares,
    /// Maximum size of a body.
    body: usize,
    /// Whether work that has begun completes even when its client is gone or its time is over.
    to_its_end: bool,
}

impl Limits {
    /// `bodies`: maximum bytes of all bodies together, and of all answers together.
    fn new(at_once: usize, body: usize, bodies: usize) -> Self {
        let [places, bytes, answers] = [at_once, bodies, bodies].map(Shares::new);
        Self { places, bytes, answers, body, to_its_end: false }
    }

    /// Returns the limits of the pages, whose forms are small.
    pub fn portal() -> Self {
        Self::new(PAGES_AT_ONCE, 64 * 1024, 32 * 1024 * 1024)
    }

    /// Waits until no request is at work; afterwards none is admitted.
    pub async fn idle(&self) {
        self.places.close().await;
    }

    /// Returns the limits of the doors. A batch may have a thousand items; work is completed and written to the journal even when
    /// the client disconnects.
    pub fn data_plane() -> Self {
        Self { to_its_end: true, ..Self::new(CALLS_AT_ONCE, 1024 * 1024, 64 * 1024 * 1024) }
    }
}

/// Applies the limits to a request. It takes a place only when it has arrived completely, so that slow clients cannot keep the
/// others out: places are for work, not for waiting.
pub async fn shed(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let until = until();
    let (parts, body) = request.into_parts();
    let Some(sender) = parts.extensions.get::<Sender>().cloned() else { return busy() };
    match limits.arrived(body, until, &sender).await {
        Ok(Arrived { bytes, held }) => {
            let work = next.run(Request::from_parts(parts, Body::from(bytes)));
            limits.perform(work, until, sender, held).await
        }
        Err(refused) => refused,
    }
}

/// Finds out who asks for a page, and takes turns with the other holders for everything that is done for it.
pub async fn in_turn(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let sender = Sender::of_page(&app, &parts);
    let (holder, is_in_turn) = (sender.holder, sender.is_in_turn());
    parts.extensions.insert(sender);
    let work = next.run(Request::from_parts(parts, body));
    if is_in_turn { work.await } else { InTurn::new(holder, work).await }
}

/// Returns the deadline of a request that begins now.
pub fn until() -> Instant {
    Instant::now() + PATIENCE
}

/// Reads the rest of a refused body and forgets it. The connection, over HTTP/2 the stream, would end while the client is still
/// sending: a proxy reports that in place of the answer, and so does curl.
pub async fn forget<B>(body: &mut B)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (time, size) = FORGOTTEN;
    let rest = async {
        let mut left = size;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(now_left) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { break };
            left = now_left;
        }
    };
    let _ = tokio::time::timeout(time, rest).await;
}

/// A body that has arrived completely, and its share of the memory for bodies.
pub struct Arrived {
    pub bytes: Bytes,
    pub held: Option<Held>,
}

impl Limits {
    /// Waits for the whole body.
    ///
    /// # Errors
    /// The response to send when the body is too large, too slow or broken, or when its sender's share has no room for it.
    pub async fn arrived<B>(&self, body: B, until: Instant, sender: &Sender) -> Result<Arrived, Response>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        match timeout_at(until, self.whole(body, sender)).await {
            Ok(arrived) => arrived,
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
        }
    }

    async fn whole<B>(&self, mut body: B, sender: &Sender) -> Result<Arrived, Response>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (mut held, mut counted) = (None::<Held>, 0);
        // Most bodies come in one frame, which is not copied; several are joined.
        let (mut first, mut all) = (Bytes::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
            let Ok(data) = frame.into_data() else { continue };
            // `all` begins with `first`, so the longer one has every byte that has arrived.
            let size = first.len().max(all.len()) + data.len();
            if size > self.body {
                return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
            }
            // Keystead counts bytes that are here, not `Content-Length`: a chunked body has none, and a client may announce bytes
            // that never come.
            if size > SMALL || (sender.has_streams && !body.is_end_stream()) {
                let has_room = match &mut held {
                    Some(held) => held.take_more(size - counted),
                    None => {
                        held = self.bytes.take(sender.holder, size);
                        held.is_some()
                    }
                };
                if !has_room {
                    return Err(busy());
                }
                counted = size;
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
        sender: Sender,
        body: Option<Held>,
    ) -> Response {
        let is_in_turn = sender.is_in_turn();
        let Sender { holder, connection, has_streams } = sender;
        // No work is done for an answer that would find no room.
        if !self.answers.has_room(holder, 2 * self.body) {
            return busy();
        }
        let Some(place) = self.places.take(holder, 1) else { return busy() };
        let at_work = connection.map(|connection| connection.at_work(holder));
        let work = async move {
            // The work itself holds its place, so work that outlives its client still counts.
            let _held = (body, place, at_work);
            work.await
        };
        let done = match self.to_its_end {
            true if is_in_turn => timeout_at(until, ToItsEnd(Some(Box::pin(work)))).await,
            true => timeout_at(until, ToItsEnd(Some(InTurn::new(holder, work)))).await,
            // A page has its turns from `in_turn`, where also its failures are made.
            false => timeout_at(until, work).await,
        };
        match done {
            // The place is free again: a client that reads slowly holds memory, not a place.
            Ok(response) => {
                let free = if has_streams { 0 } else { SMALL };
                unread::with_room(response, &self.answers, holder, free).await.unwrap_or_else(busy)
            }
            // A page's handler has been dropped; the work of a door goes on.
            Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
        }
    }
}

/// A future that always completes: when dropped (client gone, time-out) it is spawned on the runtime.
struct ToItsEnd<F: Future<Output = Response> + Send + Unpin + 'static>(Option<F>);

impl<F: Future<Output = Response> + Send + Unpin + 'static> Future for ToItsEnd<F> {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        // Taken out while it is polled, so that work that panics is not spawned again.
        let Some(mut work) = self.0.take() else { return Poll::Ready(busy()) };
        let done = Pin::new(&mut work).poll(context);
        if done.is_pending() {
            self.0 = Some(work);
        }
        done
    }
}

impl<F: Future<Output = Response> + Send + Unpin + 'static> Drop for ToItsEnd<F> {
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
