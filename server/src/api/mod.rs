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
mod unreadable;

pub use doorman::{Answer, Ask, Peer, answer, before_pages, is_door};

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64_simd::STANDARD;
use domain::data::base64::NotBase64;
use domain::data::operation::Operation;
use door::DoorSpec;
use engine::base::refused::Refused;
use serde::Serialize;
use std::borrow::Cow;

/// Decodes standard base64 with padding (RFC 4648, 4); accepts the canonical encoding only.
///
/// # Errors
/// [`Refused::NotBase64`] for any other text.
fn base64(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode_to_vec(text).map_err(|_| Refused::NotBase64(NotBase64::of(text)))
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

/// Returns a path without its empty parts: a client whose base URL ends with a slash sends "//api/1/…", and some send a slash at
/// the end. Each address is looked up by this path. A path has no other spelling: escapes and dots stay as they are.
fn plain(path: &str) -> Cow<'_, str> {
    let has_empty_part = path.as_bytes().windows(2).any(|two| two == b"//") || path.ends_with('/');
    if !has_empty_part {
        return Cow::Borrowed(path);
    }
    path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect()
}

/// Describes a status in the words of the door that has a path; `None` where no door has it.
pub fn in_words(path: &str, status: StatusCode, message: &str) -> Option<Response> {
    door_at(path).map(|door| (door.words.in_words)(status, message.to_owned()))
}

/// Returns every row of every door. `doorman` routes by these rows, and the tests attack each of them.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    DOORS.iter().flat_map(|door| door.rows)
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
            assert_eq!(base64(wrong), Err(Refused::NotBase64(NotBase64::of(wrong))), "{wrong:?}");
        }
    }

    #[test]
    fn empty_parts_of_a_path_do_not_count_and_every_other_part_does() {
        for (path, plain_path, prefix) in [
            ("/api/1/document/wrap", "/api/1/document/wrap", Some("/api/1")),
            ("//api/1/document/wrap", "/api/1/document/wrap", Some("/api/1")),
            ("/api//1///document/wrap/", "/api/1/document/wrap", Some("/api/1")),
            ("///api//v1/scopes//a/DE/keys//", "/api/v1/scopes/a/DE/keys", Some("/api")),
            ("/api/10/document/wrap", "/api/10/document/wrap", Some("/api")),
            ("//api/", "/api", Some("/api")),
            ("/", "", None),
            ("//", "", None),
            ("//sign-in", "/sign-in", None),
            ("/api-keys", "/api-keys", None),
            ("//evil.example/api/1", "/evil.example/api/1", None),
            ("/%2Fapi/1", "/%2Fapi/1", None),
            ("/./api/1", "/./api/1", None),
            ("/x/../api/1", "/x/../api/1", None),
            ("/API/1", "/API/1", None),
            ("/api/1/../v1", "/api/1/../v1", Some("/api/1")),
        ] {
            assert_eq!(plain(path), plain_path, "{path}");
            assert_eq!(door_at(path).map(|door| door.prefix), prefix, "{path}");
            assert_eq!(door_at(&plain(path)).map(|door| door.prefix), prefix, "{path}: the plain path");
        }
        assert!(matches!(plain("/api/1/document/wrap"), Cow::Borrowed(_)), "the usual path is not copied");
    }

    /// Checks for a single encoding, because the other crate also decodes several of them in a row.
    fn is_one(text: &str) -> bool {
        !text.trim_end_matches('=').contains('=')
    }
}
