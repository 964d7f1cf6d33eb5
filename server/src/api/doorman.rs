//! Handles every request to a door in one piece, because these are the busiest paths: authentication, load limits, the work,
//! the door's wording of failures, headers, metrics.

use super::door::DoorSpec;
use super::service::{self, ApiKey, Stranger};
use super::{Handler, Needs, Row, door_at, native, plain, rows};
use crate::App;
use crate::run::connections::Connection;
use crate::run::telemetry;
use crate::web::guard::{self, Arrived, Sender};
use crate::web::{framing, headers, visitor};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ALLOW, CONTENT_LENGTH, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Error;
use engine::base::error::ServicesError;
use engine::data::access::Caller;
use futures_util::FutureExt;
use matchit::Router;
use percent_encoding::percent_decode_str;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// An authenticated request whose body has arrived completely.
pub struct Ask {
    pub app: App,
    /// The service that the API key authenticates.
    pub caller: Caller,
    /// The scope that the address names, as the client wrote it; empty if the address names none.
    pub scope: String,
    pub parts: Parts,
    pub body: Bytes,
}

/// The future that a handler returns.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The network peer that sends a request.
#[derive(Clone)]
pub struct Peer {
    ip: Option<IpAddr>,
    text: Arc<str>,
    connection: Option<Connection>,
}

impl Peer {
    pub fn new(ip: Option<IpAddr>, connection: Option<Connection>) -> Self {
        let text = ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default();
        Self { ip, text: text.into(), connection }
    }

    /// Returns the client's address as the journal records it.
    fn address(&self, app: &App, parts: &Parts) -> Arc<str> {
        let heard = app.proxies().hear(self.ip, &parts.headers);
        app.proxies().note(&heard);
        match heard.address {
            Some(ip) if self.ip.is_none_or(|peer| peer.to_canonical() != ip) => ip.to_string().into(),
            _ => Arc::clone(&self.text),
        }
    }
}

/// An address, with its row for each method.
struct Address {
    path: &'static str,
    rows: Vec<&'static Row>,
    /// Value of the `Allow` header.
    methods: String,
}

/// A router over every address of the doors.
static ADDRESSES: LazyLock<Router<Address>> = LazyLock::new(|| {
    let mut router = Router::new();
    let mut paths: Vec<&'static str> = rows().map(|row| row.path).collect();
    // `dedup` removes neighbours only, so the rows of one address must stand together in the table of their door.
    paths.dedup();
    for path in paths {
        let rows: Vec<_> = rows().filter(|row| row.path == path).collect();
        // An address that takes GET also takes HEAD.
        let heads = rows.iter().filter(|row| row.method == Method::GET).map(|_| Method::HEAD);
        let methods: Vec<_> = rows.iter().map(|row| row.method.clone()).chain(heads).collect();
        let methods = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
        router.insert(path, Address { path, rows, methods }).expect("no two addresses are alike");
    }
    router
});

/// Checks whether an address lies below the prefix of a door, whether it exists or not.
pub fn is_door(path: &str) -> bool {
    door_at(path).is_some()
}

/// Answers a request to a door before the router looks for a page. A server calls [`answer`] before it calls the router.
pub async fn before_pages(State(app): State<App>, request: axum::extract::Request, next: Next) -> Response {
    if !is_door(request.uri().path()) {
        return next.run(request).await;
    }
    let ip = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let connection = request.extensions().get::<Connection>().cloned();
    answer(&app, &Peer::new(ip, connection), request).await
}

/// Answers a request to a door.
pub async fn answer<B>(app: &App, peer: &Peer, request: Request<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let began = Instant::now();
    let (parts, mut body) = request.into_parts();
    let method = parts.method.clone();
    // A client that waits for `100 Continue` has sent nothing yet.
    let sends_on = !parts.headers.contains_key(EXPECT);
    let door = door_at(parts.uri.path()).unwrap_or(&native::DOOR);
    let (address, scope) = match ADDRESSES.at(&plain(parts.uri.path())) {
        Ok(found) => (Some(found.value), scope_in(&found.params)),
        Err(_) => (None, String::new()),
    };
    let from = peer.address(app, &parts);
    let handled = handle(app, peer, door, address, Request::from_parts(parts, &mut body), scope, &from);
    let response = AssertUnwindSafe(handled).catch_unwind().await;
    if sends_on && !body.is_end_stream() {
        guard::forget(&mut body).await;
    }
    let response = response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let mut response = door.say(response);
    if method == Method::HEAD {
        without_body(&mut response);
    }
    headers::dress(&mut response, app.is_https());
    // All unknown addresses share one name, because each name is a meter that stays.
    telemetry::observed(
        &method,
        address.map_or("/api/{*rest}", |address| address.path),
        &from,
        began,
        &response,
    );
    response
}

/// Takes away the body of an answer to HEAD, and keeps its length (RFC 9110, 9.3.2). Over HTTP/2 the library sends what is there.
fn without_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::empty();
}

/// Returns the scope, such as `production/DE`, if the address contains an environment and a country; else an empty text.
fn scope_in(params: &matchit::Params) -> String {
    // matchit compares the address as the client sent it, so the parts may still be escaped.
    let part = |name| params.get(name).and_then(|text| percent_decode_str(text).decode_utf8().ok());
    match (part("environment"), part("country")) {
        (Some(environment), Some(country)) => [&*environment, &*country].join("/"),
        _ => String::new(),
    }
}

async fn handle<B>(
    app: &App,
    peer: &Peer,
    door: &'static DoorSpec,
    address: Option<&'static Address>,
    request: Request<B>,
    scope: String,
    from: &Arc<str>,
) -> Response
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let until = guard::until();
    let (parts, body) = request.into_parts();
    if let Err(unclear) = framing::at_door(&parts.headers) {
        let mut response = (door.words.in_words)(unclear.status, unclear.message.to_owned());
        unclear.end_with(&mut response);
        return response;
    }
    let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
    let row = address.and_then(|address| address.rows.iter().find(|row| row.method == *method));
    let needs_key = row.is_some_and(|row| row.needs != Needs::Nothing);
    let key = ApiKey::of(&parts, door);
    // Keystead authenticates before it reads a body: an unauthenticated body would take time and memory from authenticated
    // callers.
    let mut caller = None;
    if needs_key || !body.is_end_stream() {
        caller = match service::caller(app, key.as_ref(), from).await {
            Ok(caller) => Some(caller),
            Err(Stranger::Refused(error)) => return (door.words.refused)(error),
            Err(Stranger::Unsaid(why)) => {
                return (door.words.in_words)(StatusCode::UNAUTHORIZED, why.at(door));
            }
        };
    }
    let limits = app.doors();
    let holder = match &caller {
        Some(caller) => caller.holder(),
        None => visitor::stranger(from.parse().ok(), peer.connection.as_ref()),
    };
    let has_streams = parts.version == Version::HTTP_2;
    let sender = Sender { holder, connection: peer.connection.clone(), has_streams };
    let Arrived { bytes, held } = match limits.arrived(body, until, &sender).await {
        Ok(arrived) => arrived,
        Err(refused) => return refused,
    };
    // The key may have been revoked while the body arrived.
    if let (Some(known), Ok(key)) = (caller.take(), &key) {
        caller = match app.portal().access().still_there(known, &key.0).await {
            Ok(caller) => Some(caller),
            Err(error) => return (door.words.refused)(error),
        };
    }
    let Some(address) = address else { return (door.words.nothing_here)() };
    let Some(row) = row else {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        if let Ok(methods) = HeaderValue::from_str(&address.methods) {
            response.headers_mut().insert(ALLOW, methods);
        }
        return response;
    };
    match (row.handler, caller) {
        (Handler::Open(show), _) => limits.perform(async move { show() }, until, sender, held).await,
        (Handler::Asked(handler), Some(caller)) => {
            let ask = Ask { app: app.clone(), caller, scope, parts, body: bytes };
            limits.perform(handler(ask), until, sender, held).await
        }
        // The table would be wrong: a row with such a handler needs a key. Nobody is let in.
        (Handler::Asked(_), None) => (door.words.refused)(Error::Services(ServicesError::UnknownApiKey)),
    }
}
