//! The doors of the data plane: each translates what services say into calls of the engine, and back. They ignore cookies
//! and take requests from anywhere: what lets a service in is its API key alone.
//!
//! Reading order: this file (every address there is), `doorman` (what each request goes through), `service` (who asks),
//! `door` (what tells doors apart), one folder a door: `native`, `tsp`.

mod door;
mod doorman;
pub mod native;
mod service;
mod strict;
pub mod tsp;

pub use doorman::{Answer, Ask, Peer, answer, is_door};

use crate::App;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64_simd::STANDARD;
use domain::data::operation::Operation;
use door::DoorSpec;
use engine::base::refused::Refused;
use serde::Serialize;

/// Standard base64 with padding (RFC 4648, 4), in one way.
///
/// # Errors
/// [`Refused::NotBase64`].
fn base64(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode_to_vec(text).map_err(|_| Refused::NotBase64)
}

/// What serde says of a body, without what the body says.
fn what_is_wrong(error: &serde_json::Error, asked: &str) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => format!("The body is not what this {asked} takes"),
        _ => "The body is not JSON".to_owned(),
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// An answer; one that cannot be written becomes the door's own failure (`door::DoorSpec::say`).
fn json<T: Serialize>(answer: &T) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => json_text(body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer that is written already.
fn json_text(body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().reserve(16);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
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
    pub(crate) handler: Handler,
}

/// What answers at an address.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// The same to everybody.
    Open(fn() -> Response),
    /// A service with a key.
    Asked(fn(Ask) -> Answer),
}

/// Every door.
const DOORS: [&DoorSpec; 2] = [&native::DOOR, &tsp::DOOR];

/// The door of an address, there or not: of doors one below the other, the inner one.
fn door_at(path: &str) -> Option<&'static DoorSpec> {
    DOORS.into_iter().filter(|door| door.is_at(path)).max_by_key(|door| door.prefix.len())
}

/// Every address of every door. What is answered is found by it and the tests attack every row of it.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    DOORS.iter().flat_map(|door| door.rows)
}

/// The doors behind a router. A server asks [`answer`] past it.
pub fn router() -> Router<App> {
    let answer = any(doorman::answer_in_router);
    Router::new().route("/api", answer.clone()).route("/api/", answer.clone()).route("/api/{*rest}", answer)
}

/// Makes a table of addresses out of lines.
macro_rules! addresses {
    ($($path:literal $method:ident $needs:expr => $how:ident $handler:expr;)*) => {
        &[$($crate::api::Row {
            path: $path,
            method: axum::http::Method::$method,
            needs: $needs,
            handler: $crate::api::handler!($how $handler),
        }),*]
    };
}

macro_rules! handler {
    (open $handler:expr) => {
        $crate::api::Handler::Open($handler)
    };
    (asked $handler:expr) => {
        $crate::api::Handler::Asked(|ask| {
            Box::pin(async move { axum::response::IntoResponse::into_response($handler(ask).await) })
        })
    };
}
use {addresses, handler};

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;

    #[test]
    fn a_text_is_read_in_one_way_or_not_at_all() {
        for length in 0..200_usize {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 37 + length) as u8).collect();
            let text = BASE64.encode(&bytes);
            assert_eq!(base64(&text).expect("it is base64"), bytes);
            // Every other text of its length that differs in one place is other bytes, or none.
            for (at, other) in
                (0..text.len()).flat_map(|at| b"A/+=-_ \n\0~".iter().map(move |other| (at, *other)))
            {
                let mut changed = text.clone().into_bytes();
                if std::mem::replace(&mut changed[at], other) == other {
                    continue;
                }
                let changed = String::from_utf8(changed).expect("text");
                let read = base64(&changed);
                let strict = BASE64.decode(changed.as_bytes()).ok().filter(|_| is_one(&changed));
                assert_eq!(read.clone().ok(), strict, "{changed:?}");
                assert_ne!(read, Ok(bytes.clone()), "{changed:?}");
            }
        }
        for wrong in
            ["QQ", "QQ=", "QQ===", "QR==", "QQ==QQ==", "=", "====", "Q", "QUI", "QUJ=", " QQ==", "QQ==\n"]
        {
            assert_eq!(base64(wrong), Err(Refused::NotBase64), "{wrong:?}");
        }
    }

    /// The other crate also reads several texts one behind the other.
    fn is_one(text: &str) -> bool {
        !text.trim_end_matches('=').contains('=')
    }
}
