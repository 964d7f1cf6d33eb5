//! The doors are the HTTP APIs of the data plane. Each translates requests of services into calls of the engine, and results
//! into responses. They ignore cookies and accept requests from any origin: only the API key authenticates a service.
//!
//! Reading order: this file (every address), `doorman` (the steps of each request), `service` (authentication), `door` (the
//! differences between doors), one folder per door: `native`, `tsp`.

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

/// Decodes standard base64 with padding (RFC 4648, 4); accepts the canonical encoding only.
///
/// # Errors
/// [`Refused::NotBase64`] for any other text.
fn base64(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode_to_vec(text).map_err(|_| Refused::NotBase64)
}

/// Describes where and why serde rejects a body. Of the body it quotes only the name of an unknown field, and only a name that
/// cannot be a secret; never a value.
fn what_is_wrong(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() != serde_json::error::Category::Data {
        return format!("The body is not valid JSON (line {line}, column {column}).");
    }
    let text = error.to_string();
    let position = format!(" at line {line} column {column}");
    let text = text.strip_suffix(position.as_str()).unwrap_or(&text);
    let kinds = ["Unknown field", "Missing field", "Duplicate field", "Duplicate key"];
    let kind = kinds.into_iter().find(|kind| text.starts_with(kind.to_ascii_lowercase().as_str()));
    // Without a kind, the text between the first backticks may be a value.
    let name = kind.and_then(|_| text.split('`').nth(1)).filter(|name| is_harmless(name));
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    // Serde says last what it expects, in words of Keystead.
    let expected =
        text.rsplit_once(", expected ").map(|(_, expected)| format!(" Expected: {}.", listed(expected)));
    let kind = kind.unwrap_or("Invalid value");
    format!("{kind}{name} at line {line}, column {column}.{}", expected.unwrap_or_default())
}

/// Checks whether a name is short and consists of letters: an API key, a data key or a ciphertext does not.
fn is_harmless(name: &str) -> bool {
    (1..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Rewrites what serde expects: "one of `a`, `b`" as "a, b", and a Rust type as JSON.
fn listed(expected: &str) -> String {
    match expected {
        names if names.contains('`') => {
            names.trim_start_matches("one of ").replace("` or `", "`, `").replace('`', "")
        }
        "a sequence" => "an array".to_owned(),
        kind if kind.starts_with("struct ") => "an object".to_owned(),
        kind => kind.to_owned(),
    }
}

/// Serialises an answer; if that fails, returns a bare 500, which `door::DoorSpec::say` puts into the door's format.
fn json<T: Serialize>(answer: &T) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => json_text(body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Returns a response whose body is JSON already.
fn json_text(body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().reserve(16);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The authorisation that an address of a door requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No API key: every caller gets the same answer.
    Nothing,
    /// An API key that has access to the scope.
    Key,
    /// An API key that has access to the scope and may perform this operation.
    May(Operation),
    /// An API key that may perform all of these operations; where a request names two scopes, each operation in its own.
    All(&'static [Operation]),
    /// Any valid API key, whatever its scopes.
    AnyKey,
}

/// An address of a door with one method, the authorisation that it requires, and its handler.
pub struct Row {
    pub path: &'static str,
    pub method: Method,
    pub needs: Needs,
    pub(crate) handler: Handler,
}

/// The handler of an address.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Answers every caller alike, without authentication.
    Open(fn() -> Response),
    /// Answers a service that an API key has authenticated.
    Asked(fn(Ask) -> Answer),
}

/// Every door.
const DOORS: [&DoorSpec; 2] = [&native::DOOR, &tsp::DOOR];

/// Returns the door of an address, whether the address exists or not; of nested doors, the inner one.
fn door_at(path: &str) -> Option<&'static DoorSpec> {
    DOORS.into_iter().filter(|door| door.is_at(path)).max_by_key(|door| door.prefix.len())
}

/// Returns every row of every door. `doorman` routes by these rows, and the tests attack each of them.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    DOORS.iter().flat_map(|door| door.rows)
}

/// Returns the doors as an axum router. A server calls [`answer`] without it.
pub fn router() -> Router<App> {
    let answer = any(doorman::answer_in_router);
    // A wildcard matches no empty rest, so "/api" and "/api/" have routes of their own.
    Router::new().route("/api", answer.clone()).route("/api/", answer.clone()).route("/api/{*rest}", answer)
}

/// Builds a table of rows from lines of path, method, authorisation and handler.
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
            // A text that differs in one character decodes to other bytes, or not at all.
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

    /// Checks for a single encoding, because the other crate also decodes several of them in a row.
    fn is_one(text: &str) -> bool {
        !text.trim_end_matches('=').contains('=')
    }
}
