//! Failures of the native door: problem details in JSON (RFC 9457). They contain no value of the request.

use crate::web::error_pages::Reason;
use crate::web::failure;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::data::code::ApiCode;
use engine::Error;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request, or one item of a batch, failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// `urn:keystead:problem:` followed by the code.
    #[serde(rename = "type")]
    #[schema(examples("urn:keystead:problem:not_opened"))]
    pub kind: String,
    /// What failed. Releases to come may add codes: take a code that you do not know by its status.
    #[schema(value_type = super::reference::ErrorCode)]
    pub code: &'static str,
    /// The HTTP status. In a batch, the status of the item.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// For people: what is wrong, and what to do.
    pub title: String,
}

impl ProblemDetails {
    fn new(code: ApiCode, title: String) -> Self {
        let kind = format!("urn:keystead:problem:{}", code.word());
        Self { kind, code: code.word(), status: code.status(), title }
    }

    /// Returns the problem of an item that cannot be read.
    pub(super) fn unreadable(title: String) -> Self {
        Self::new(ApiCode::Unreadable, title)
    }
}

impl From<&Error> for ProblemDetails {
    fn from(error: &Error) -> Self {
        let message = match error {
            // One answer for both: a second one would reveal that the scope exists.
            Error::NotFound => "The scope does not exist, or this API key has no access to it.".to_owned(),
            error => failure::told(error).message,
        };
        Self::new(code_of(error), message)
    }
}

fn code_of(error: &Error) -> ApiCode {
    // The engine's other words are those of the portal's changes.
    ApiCode::from_word(error.word()).unwrap_or(ApiCode::Internal)
}

/// A request that ends with a problem.
pub enum Failed {
    Engine(Error),
    /// The request itself cannot be read.
    Unreadable(ApiCode, String),
}

impl Failed {
    /// Returns the code that the client gets.
    pub(super) fn code(&self) -> ApiCode {
        match self {
            Self::Engine(error) => code_of(error),
            Self::Unreadable(code, _) => *code,
        }
    }
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
            Self::Unreadable(code, title) => ProblemDetails::new(*code, title.clone()),
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
    Failed::Unreadable(ApiCode::NotFound, title).into_response()
}

/// Describes a bare status that the guard, the doorman or a panic answered with, in this door's format.
pub fn in_words(status: StatusCode, message: String) -> Response {
    let code = ApiCode::of_status(status.as_u16());
    answer(ProblemDetails { status: status.as_u16(), ..ProblemDetails::new(code, message) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::custody::preflight::FailureCode;
    use domain::data::base64::NotBase64;
    use domain::data::operation::Operation;
    use engine::base::error::{AuditError, CustodyError, ServicesError, StoreError, VaultError};
    use engine::base::refused::Refused;
    use std::sync::Arc;

    #[test]
    fn each_failure_has_its_code_and_status() {
        let kms = |code| FailureCode::of_kms(code);
        let failed = || std::io::Error::other("full");
        for (error, status, code) in [
            (Error::Services(ServicesError::UnknownApiKey), 401, "unauthorised"),
            (Error::Services(ServicesError::NotAllowed(Operation::Wrap)), 403, "not_allowed"),
            (Error::Custody(CustodyError::KmsRefused(kms("DisabledException"))), 403, "kms_refused"),
            (Error::Custody(CustodyError::KmsUnreachable(FailureCode::TIMEOUT)), 503, "kms_unreachable"),
            (Error::Custody(CustodyError::KmsUnreachable(kms("ThrottlingException"))), 429, "kms_throttled"),
            (Error::Custody(CustodyError::KmsUnreachable(kms("RequestLimitExceeded"))), 429, "kms_throttled"),
            (Error::NotFound, 404, "not_found"),
            (Error::Data(Refused::NoKey), 409, "no_key"),
            (Error::Data(Refused::NotOpened), 422, "not_opened"),
            (Error::Data(Refused::Malformed), 422, "malformed"),
            (Error::Data(Refused::NotBase64(NotBase64::Padding)), 422, "not_base64"),
            (Error::Data(Refused::NotADek), 422, "not_a_data_key"),
            (Error::Data(Refused::HexadecimalDek), 422, "not_a_data_key"),
            (Error::Data(Refused::TooLong), 422, "too_long"),
            (Error::Data(Refused::TooManySecrets { limit: 1 }), 422, "too_many_secrets"),
            (Error::Data(Refused::Unread(ApiCode::NotJson)), 415, "not_json"),
            (Error::Vault(VaultError::Sealed("x".into())), 500, "damaged"),
            (Error::Vault(VaultError::Unproved("x".into())), 500, "damaged"),
            (Error::Store(StoreError::Database("x".into())), 503, "busy"),
            (Error::Store(StoreError::Unsure("x".into())), 503, "busy"),
            (Error::Store(StoreError::Schema("x".into())), 500, "internal"),
            (Error::Audit(AuditError::Journal(Arc::new(failed()))), 503, "journal"),
            (Error::Fault("x".into()), 500, "internal"),
            (Error::Busy, 503, "busy"),
        ] {
            let details = ProblemDetails::from(&error);
            assert_eq!((details.status, details.code), (status, code));
            assert_eq!(details.kind, format!("urn:keystead:problem:{code}"));
            // The journal and the metrics have the code that the client gets.
            assert_eq!(error.word(), code);
        }
    }
}
