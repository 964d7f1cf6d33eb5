//! A door: where it is, how its clients show their keys, what it has, and its words for what goes wrong. `doorman` reads it.

use super::Row;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::Problem;
use engine::Error;

pub struct DoorSpec {
    /// Every address below it is of this door, there or not.
    pub prefix: &'static str,
    /// Schemes of `Authorization` under which a key comes.
    pub schemes: &'static [&'static str],
    pub rows: &'static [Row],
    pub words: Words,
}

/// How a door says that something went wrong before it was asked.
pub struct Words {
    /// Nobody is asked: the key is unknown, or the engine cannot tell.
    pub refused: fn(Error) -> Response,
    pub nothing_here: fn() -> Response,
    /// The guard, the doorman or a panic answered with a bare status; this is what is said of it.
    pub in_words: fn(StatusCode, String) -> Response,
}

impl DoorSpec {
    pub(super) fn is_at(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Turns a failed answer that has no words yet into one that has.
    pub(super) fn say(&self, mut response: Response) -> Response {
        let status = response.status();
        if !(status.is_client_error() || status.is_server_error()) || is_json(response.headers()) {
            return response;
        }
        let problem = response.extensions_mut().remove::<Problem>();
        let message = problem.map_or_else(|| bare(status).to_owned(), |problem| problem.message);
        let mut said = (self.words.in_words)(status, message);
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
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address does not take that method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body was larger than 1 MiB. Send smaller batches.",
        StatusCode::REQUEST_TIMEOUT => "The request took longer than 10 seconds to arrive.",
        StatusCode::GATEWAY_TIMEOUT => {
            "The answer took longer than 10 seconds. Try again; send smaller batches."
        }
        StatusCode::SERVICE_UNAVAILABLE => "Keystead is busy. Try again in a second.",
        status if status.is_server_error() => "Something inside Keystead failed; its log says why.",
        _ => "The request could not be read.",
    }
}
