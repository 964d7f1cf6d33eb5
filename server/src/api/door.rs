//! A door is one HTTP API of the data plane. Its `DoorSpec` holds the prefix of its addresses, the schemes under which clients
//! send their keys, its routes, and its wording of failures. `doorman` reads it.

use super::Row;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::Problem;
use engine::Error;

pub struct DoorSpec {
    /// Every address below it belongs to this door, whether it exists or not.
    pub prefix: &'static str,
    /// Schemes of `Authorization` under which the door accepts an API key.
    pub schemes: &'static [&'static str],
    pub rows: &'static [Row],
    pub words: Words,
}

/// Responses of a door to failures that none of its handlers has described.
pub struct Words {
    /// Authentication failed: the API key is unknown, or the engine could not check it.
    pub refused: fn(Error) -> Response,
    pub nothing_here: fn() -> Response,
    /// Describes a bare status that the guard, the doorman or a panic answered with.
    pub in_words: fn(StatusCode, String) -> Response,
}

impl DoorSpec {
    /// Checks whether a path lies below the prefix. Empty parts of a path do not count ([`super::plain`]).
    pub(super) fn is_at(&self, path: &str) -> bool {
        // "/api/10" lies below "/api", not below "/api/1".
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        self.prefix.split('/').skip(1).all(|known| parts.next() == Some(known))
    }

    /// Gives a failed response without a JSON body a body in this door's format.
    pub(super) fn say(&self, mut response: Response) -> Response {
        let status = response.status();
        if !(status.is_client_error() || status.is_server_error()) || is_json(response.headers()) {
            return response;
        }
        let problem = response.extensions_mut().remove::<Problem>();
        let message = problem.map_or_else(|| bare(status).to_owned(), |problem| problem.message);
        let mut said = (self.words.in_words)(status, message);
        // A 405 must have this header (RFC 9110, 15.5.6), and `said` is a new response.
        if let Some(allow) = response.headers_mut().remove(ALLOW) {
            said.headers_mut().insert(ALLOW, allow);
        }
        said
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"))
}

fn bare(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is no API endpoint at this URL.",
        StatusCode::METHOD_NOT_ALLOWED => {
            "This endpoint does not support this HTTP method. The Allow header lists those it supports."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "The request body is larger than 1 MiB. Send smaller batches.",
        StatusCode::REQUEST_TIMEOUT => "The request took longer than 10 seconds to arrive.",
        StatusCode::GATEWAY_TIMEOUT => {
            "The request took longer than 10 seconds to process. Try again with smaller batches."
        }
        StatusCode::SERVICE_UNAVAILABLE => "Keystead is busy. Try again in a second.",
        status if status.is_server_error() => {
            "Keystead failed internally. An operator finds the cause in the server's log."
        }
        _ => "The request could not be read.",
    }
}
