//! Failures of the native door: problem details in JSON (RFC 9457). They contain no value of the request.

use crate::web::error_pages::Reason;
use crate::web::failure;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Problem;
use engine::Error;
use engine::base::error::CustodyError;
use engine::base::error::ServicesError;
use engine::base::refused::Refused;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request, or one item of a batch, failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// `urn:keystead:problem:` followed by the code.
    #[serde(rename = "type")]
    #[schema(examples("urn:keystead:problem:not_opened"))]
    pub kind: String,
    /// A stable code for programs.
    #[schema(examples("not_opened"))]
    pub code: String,
    /// The HTTP status. In a batch, the status of the item.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// For people: what is wrong, and what to do.
    pub title: String,
}

impl ProblemDetails {
    fn new(status: StatusCode, code: &str, title: String) -> Self {
        let kind = format!("urn:keystead:problem:{code}");
        Self { kind, code: code.to_owned(), status: status.as_u16(), title }
    }

    /// Returns the problem of an item that cannot be read.
    pub(super) fn unreadable(title: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", title)
    }
}

impl From<&Error> for ProblemDetails {
    fn from(error: &Error) -> Self {
        let message = match error {
            // One answer for both: a second one would reveal that the scope exists.
            Error::NotFound => "The scope does not exist, or this API key has no access to it.".to_owned(),
            error => failure::told(error).message,
        };
        Self::new(status_of(error), error.word(), message)
    }
}

/// Returns the status of an error at the native door.
fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Services(ServicesError::UnknownApiKey) => StatusCode::UNAUTHORIZED,
        Error::Services(ServicesError::NotAllowed(_)) | Error::Custody(CustodyError::KmsRefused(_)) => {
            StatusCode::FORBIDDEN
        }
        Error::Data(Refused::NoKey) => StatusCode::CONFLICT,
        error => failure::status_of(Problem::from(error).code),
    }
}

/// A request that ends with a problem.
pub enum Failed {
    Engine(Error),
    /// The request itself cannot be read.
    Unreadable(StatusCode, &'static str, String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let details = match &self {
            Self::Engine(error) => ProblemDetails::from(error),
            Self::Unreadable(status, code, title) => ProblemDetails::new(*status, code, title.clone()),
        };
        answer(details)
    }
}

fn answer(details: ProblemDetails) -> Response {
    let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&details).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    // A 401 must name a scheme (RFC 9110, 15.5.2).
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response.extensions_mut().insert(Reason(details.title));
    response
}

/// Returns the response to a failed authentication: the key is unknown, or the engine could not check it.
pub fn refused(error: Error) -> Response {
    Failed::from(error).into_response()
}

/// Returns the response for an address that this door does not have.
pub fn nothing_here() -> Response {
    let title = "There is no API endpoint at this URL.".to_owned();
    Failed::Unreadable(StatusCode::NOT_FOUND, "not_found", title).into_response()
}

/// Describes a bare status that the guard, the doorman or a panic answered with, in this door's format.
pub fn in_words(status: StatusCode, message: String) -> Response {
    answer(ProblemDetails::new(status, word(status), message))
}

fn word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorised",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
        StatusCode::NOT_IMPLEMENTED => "not_implemented",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::REQUEST_TIMEOUT => "too_slow",
        StatusCode::GATEWAY_TIMEOUT => "timed_out",
        StatusCode::SERVICE_UNAVAILABLE => "busy",
        status if status.is_server_error() => "internal",
        _ => "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_status() {
        for (error, status, code) in [
            (Error::Services(ServicesError::UnknownApiKey), 401, "unauthorised"),
            (
                Error::Services(ServicesError::NotAllowed(domain::data::operation::Operation::Wrap)),
                403,
                "not_allowed",
            ),
            (Error::NotFound, 404, "not_found"),
            (Error::Data(Refused::NoKey), 409, "no_key"),
            (Error::Data(Refused::NotOpened), 422, "not_opened"),
            (Error::Busy, 503, "busy"),
        ] {
            let details = ProblemDetails::from(&error);
            assert_eq!((details.status, details.code.as_str()), (status, code));
            assert_eq!(details.kind, format!("urn:keystead:problem:{code}"));
        }
    }
}
