//! The doors of the data plane: each translates what services say into calls of the engine, and back. They ignore cookies
//! and take requests from anywhere: what lets a service in is its API key alone.
//!
//! Reading order: this file (every address there is), `service` (who asks), `problem` (how a request fails), one folder a
//! door: `native`, `tsp`.

pub mod native;
mod problem;
mod service;
mod strict;
pub mod tsp;

pub use problem::Failed;
pub use service::{Client, Service};

use crate::App;
use crate::web::guard;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use axum::{Router, middleware};
use data_encoding::BASE64;
use domain::data::Operation;
use engine::data::Refused;
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

/// Standard base64 with padding (RFC 4648, 4), in one way: the crate also reads several texts one behind the other.
///
/// # Errors
/// [`Refused::NotBase64`].
fn base64(text: &str) -> Result<Vec<u8>, Refused> {
    let is_one = !text.trim_end_matches('=').contains('=');
    let bytes = BASE64.decode(text.as_bytes()).ok().filter(|_| is_one);
    bytes.ok_or(Refused::NotBase64)
}

/// What serde says of a body, without what the body says.
fn what_is_wrong(error: &serde_json::Error, asked: &str) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => format!("The body is not what this {asked} takes"),
        _ => "The body is not JSON".to_owned(),
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// An answer; one that cannot be written becomes the door's own failure ([`problem::as_problem`]).
fn json<T: Serialize>(answer: &T) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Who may use an address of a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it says the same to everybody.
    Nothing,
    /// An API key that reaches the scope.
    Key,
    /// An API key that reaches the scope and may do this.
    May(Operation),
    /// An API key that may do all of these; where two scopes are named, each in its own.
    All(&'static [Operation]),
    /// An API key that works, whatever it reaches.
    AnyKey,
}

/// An address of a door, what it takes, and who may use it.
pub struct Row {
    pub path: &'static str,
    pub method: Method,
    pub needs: Needs,
    pub(crate) handler: fn() -> MethodRouter<App>,
}

/// Every address of every door. The router is made from it and the tests attack every row of it.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    native::ROWS.iter().chain(tsp::ROWS)
}

pub fn router(app: &App) -> Router<App> {
    rows()
        .fold(Router::new(), |router, row| router.route(row.path, (row.handler)()))
        .route("/api", any(problem::nothing_here))
        .route("/api/", any(problem::nothing_here))
        .route("/api/{*rest}", any(problem::nothing_here))
        .route("/api/1", any(tsp::nothing_here))
        .route("/api/1/", any(tsp::nothing_here))
        .route("/api/1/{*rest}", any(tsp::nothing_here))
        .layer(middleware::from_fn_with_state(app.doors().clone(), guard::shed))
        .layer(middleware::from_fn_with_state(app.clone(), service::known_first))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(app.clone(), problem::as_problem))
}
