//! Worker threads for connections: one per core, each with a runtime of its own, so that a request is served from its first
//! byte to its last without waking another thread.

use crate::App;
use crate::api::{self, Peer};
use crate::run::connections::{Connection, Entered, HEADERS};
use crate::run::ending::Follower;
use crate::run::unparsed::Explained;
use crate::web::turns::Turn;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tower::ServiceExt;

/// The worker threads; they end when this is dropped.
pub struct Workers {
    all: Vec<(Handle, oneshot::Sender<()>)>,
    next: AtomicUsize,
}

impl Workers {
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        let all = (0..cores).map(|_| worker()).collect::<io::Result<_>>()?;
        Ok(Self { all, next: AtomicUsize::new(0) })
    }

    /// Assigns a connection to the next worker in turn.
    pub fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (runtime, _) = &self.all[turn % self.all.len()];
        runtime.spawn(connection);
    }
}

fn worker() -> io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel());
    std::thread::Builder::new().name("connections".to_owned()).spawn(move || {
        // Waits until `Workers` drops the sender, at the end.
        let _ = runtime.block_on(ended);
    })?;
    Ok((handle, end))
}

/// The data of a connection that each of its requests needs.
struct Served {
    app: App,
    router: Router,
    address: SocketAddr,
    from: Peer,
    connection: Connection,
}

impl Served {
    async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Response, Infallible> {
        let version = request.version();
        self.connection.asked();
        // The doors are not behind the router, because its layers take too long (docs/DECISIONS.md, Speed).
        let mut response = if api::is_door(request.uri().path()) {
            api::answer(&self.app, &self.from, request).await
        } else {
            let extensions = request.extensions_mut();
            extensions.insert(self.connection.clone());
            extensions.insert(ConnectInfo(self.address));
            self.router.clone().oneshot(request.map(Body::new)).await?
        };
        if self.app.is_draining() {
            // HTTP/2 has no such header; there, GOAWAY says it.
            if version == Version::HTTP_2 {
                self.connection.end_with_answer();
            } else {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Ok(response)
    }
}

/// Serves one connection until it ends.
pub async fn served(
    app: App,
    router: Router,
    (stream, address): (std::net::TcpStream, SocketAddr),
    entered: Entered,
    mut end: Follower,
) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    // Without it, answers over HTTP/2 wait for the client's acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let connection = entered.connection.clone();
    let from = Peer::new(Some(address.ip()), Some(connection.clone()));
    let stream = Explained::new(stream, app.clone());
    let served = Arc::new(Served { app, router, address, from, connection });
    let service = service_fn(move |request| Arc::clone(&served).answer(request));
    let server = protocols();
    // Dropping it closes the connection. A door's work that has begun on it continues (`web::guard`).
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), service));
    let (mut is_ending, mut turn) = (false, Turn::on_this_worker());
    loop {
        tokio::select! {
            // The end comes first, so that GOAWAY precedes the answer: a client that got the answer first might send its next
            // request too late for this connection.
            biased;
            () = end.has_to_end(&entered.connection), if !is_ending => {
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
            ended = poll_fn(|context| match entered.connection.holder() {
                Some(holder) => turn.poll(holder, context, |context| serving.as_mut().poll(context)),
                None => serving.as_mut().poll(context),
            }) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            () = entered.connection.over() => {
                tracing::debug!("an idle connection was closed");
                break;
            }
        }
    }
}

/// Returns a server of HTTP/1.1 and HTTP/2 with a limit on everything that a client can make it keep.
fn protocols() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(64 * 1024);
    // One client can make Keystead hold the product of streams and windows, so both are small.
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADERS)
        .max_concurrent_streams(16)
        .max_header_list_size(32 * 1024)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(128 * 1024)
        .max_send_buf_size(64 * 1024);
    server
}
