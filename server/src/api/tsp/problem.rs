//! Failures of this door: `{"code", "message"}`, with the numbers that IronCore's clients know. They contain no value of
//! the request.

use crate::web::error_pages::Reason;
use crate::web::failure;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::custody::preflight::FailureCode;
use domain::data::code::ApiCode;
use domain::data::operation::Deed;
use engine::Error;
use engine::base::error::AuditError;
use engine::base::error::CustodyError;
use engine::base::error::ServicesError;
use engine::base::error::StoreError;
use engine::base::error::VaultError;
use engine::base::refused::Refused;
use serde::Serialize;

/// The error codes that the clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Unknown = 100,
    Unauthorised = 101,
    InvalidBody = 102,
    NoPrimaryKey = 200,
    UnknownTenant = 201,
    InvalidEdek = 203,
    WrapFailed = 204,
    UnwrapFailed = 205,
    KmsAuthorisation = 206,
    KmsInvalid = 207,
    KmsUnreachable = 208,
    KmsThrottled = 209,
    KmsAccount = 210,
    EventRejected = 301,
    SecretNotMade = 401,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::Unknown | Self::SecretNotMade => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::InvalidBody => StatusCode::BAD_REQUEST,
            Self::KmsUnreachable => StatusCode::BAD_GATEWAY,
            Self::KmsThrottled => StatusCode::TOO_MANY_REQUESTS,
            Self::EventRejected => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Unknown => "Keystead failed internally. An operator finds the cause in the server's log.",
            Self::Unauthorised => {
                "The API key is missing or not valid, or lacks the permission for this operation."
            }
            Self::InvalidBody => "The request is not valid for this endpoint.",
            Self::NoPrimaryKey => "This tenant has no encryption key yet.",
            Self::UnknownTenant => "The tenant does not exist, or this API key has no access to it.",
            Self::InvalidEdek => "This is not an EDEK that Keystead created.",
            Self::WrapFailed => "The data key could not be wrapped.",
            Self::UnwrapFailed => "Cannot unwrap the EDEK: it was changed, or belongs to another tenant.",
            Self::KmsAuthorisation => "The tenant's KMS rejected the credentials.",
            Self::KmsInvalid => "The tenant's KMS refused to release the key.",
            Self::KmsUnreachable => "The tenant's KMS cannot be reached. Try again in a moment.",
            Self::KmsThrottled => "The tenant's KMS is throttling requests. Try again in a moment.",
            Self::KmsAccount => "The tenant's KMS account is not active.",
            Self::EventRejected => "The event could not be saved. Send it again in a moment.",
            Self::SecretNotMade => "The tenant secret could not be created.",
        }
    }
}

/// A request, or one entry of a batch, that was not done.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    code: u16,
    message: String,
    #[serde(skip)]
    status: StatusCode,
    /// The code that the journal gets when the body cannot be read: these numbers say less.
    #[serde(skip)]
    why: ApiCode,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::with(code, code.status(), code.message())
    }
}

impl Refusal {
    fn with(code: Code, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code: code as u16, message: message.into(), status, why: ApiCode::Unreadable }
    }

    /// Returns the refusal of a body that the address does not take.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::with(Code::InvalidBody, StatusCode::BAD_REQUEST, message)
    }

    /// Returns the refusal of a body that has too much of something.
    pub fn too_much(why: ApiCode, message: impl Into<String>) -> Self {
        Self { why, ..Self::unreadable(message) }
    }

    /// Returns the code for the journal.
    pub fn why(&self) -> ApiCode {
        self.why
    }

    /// Translates an error of the engine for a client that requested `deed`.
    pub fn of(error: &Error, deed: Deed) -> Self {
        // This also logs a fault of the server.
        let told = failure::told(error);
        match error {
            Error::Services(ServicesError::UnknownApiKey) => Code::Unauthorised.into(),
            // The clients know no other code for it, so only the status differs.
            Error::Services(ServicesError::NotAllowed(_)) => {
                Self::with(Code::Unauthorised, StatusCode::FORBIDDEN, Code::Unauthorised.message())
            }
            Error::NotFound => Code::UnknownTenant.into(),
            Error::Data(Refused::TooManySecrets { .. }) => {
                Self::with(Code::SecretNotMade, Code::SecretNotMade.status(), told.message)
            }
            Error::Data(Refused::NotBase64(why)) => {
                let code = Code::InvalidEdek;
                Self::with(code, code.status(), format!("{} {why}", code.message()))
            }
            Error::Data(refused) => of_data(*refused, deed).into(),
            Error::Custody(CustodyError::KmsRefused(code)) => of_refusal(code).into(),
            Error::Custody(CustodyError::KmsUnreachable(code)) => of_outage(code).into(),
            // Every other failure to save a report is 301, so this arm stands before those of `Busy` and the database.
            _ if matches!(deed, Deed::SecurityEvent | Deed::Report) => Code::EventRejected.into(),
            // Before the arm of `Derive`: nothing is wrong with the secret, and the client may repeat the request.
            Error::Busy
            | Error::Audit(AuditError::Journal(_))
            | Error::Store(StoreError::Database(_) | StoreError::Unsure(_)) => {
                Self::with(Code::Unknown, StatusCode::SERVICE_UNAVAILABLE, told.message)
            }
            // Nothing is wrong with the customer's KMS, and a retry does not help.
            Error::Vault(VaultError::Sealed(_) | VaultError::Unproved(_))
            | Error::Store(StoreError::Corrupt { .. }) => {
                let code = match deed {
                    Deed::Derive => Code::SecretNotMade,
                    Deed::Wrap => Code::WrapFailed,
                    _ => Code::UnwrapFailed,
                };
                Self::with(code, StatusCode::INTERNAL_SERVER_ERROR, told.message)
            }
            _ if deed == Deed::Derive => Code::SecretNotMade.into(),
            _ => Code::Unknown.into(),
        }
    }
}

fn of_data(refused: Refused, deed: Deed) -> Code {
    match refused {
        Refused::NoKey => Code::NoPrimaryKey,
        Refused::TooManySecrets { .. } => Code::SecretNotMade,
        Refused::Unread(_) => Code::InvalidBody,
        Refused::Malformed | Refused::NotBase64(_) => Code::InvalidEdek,
        Refused::NotOpened | Refused::TooLong | Refused::NotADek | Refused::HexadecimalDek => match deed {
            Deed::Wrap => Code::WrapFailed,
            _ => Code::UnwrapFailed,
        },
    }
}

/// Distinguishes whether the customer's KMS refuses the credentials, the account or the key.
fn of_refusal(code: &FailureCode) -> Code {
    match code.as_str() {
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "NotAuthorizedException" => Code::KmsAuthorisation,
        "SubscriptionRequiredException" | "OptInRequiredException" | "AccountSuspendedException" => {
            Code::KmsAccount
        }
        _ => Code::KmsInvalid,
    }
}

fn of_outage(code: &FailureCode) -> Code {
    if code.is_throttling() { Code::KmsThrottled } else { Code::KmsUnreachable }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("cmk"));
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(Reason(self.message));
        response
    }
}

/// Returns the response to a failed authentication: the key is unknown, or the engine could not check it.
pub fn refused(error: Error) -> Response {
    // No handler has run, so the deed is unknown. `Wrap` selects the general codes.
    Refusal::of(&error, Deed::Wrap).into_response()
}

/// Returns the response for an address that this door does not have.
pub fn nothing_here() -> Response {
    let message = "There is no API endpoint at this URL.";
    Refusal::with(Code::InvalidBody, StatusCode::NOT_FOUND, message).into_response()
}

/// Describes a bare status that the guard, the doorman or a panic answered with, in this door's format.
pub fn in_words(status: StatusCode, message: String) -> Response {
    // A body that arrives too slowly is not a wrong body, so 408 gets no 102.
    let is_ours = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::Unauthorised,
        // The client sends a coding that Keystead lacks.
        StatusCode::NOT_IMPLEMENTED => Code::InvalidBody,
        _ if is_ours => Code::Unknown,
        _ => Code::InvalidBody,
    };
    Refusal::with(code, status, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::data::base64::NotBase64;
    use domain::data::operation::Operation;

    #[test]
    fn each_failure_has_its_code_and_status() {
        let refused = |code| Error::Custody(CustodyError::KmsRefused(FailureCode::of_kms(code)));
        let outage = |code| Error::Custody(CustodyError::KmsUnreachable(FailureCode::of_kms(code)));
        for (error, deed, code, status) in [
            (Error::Services(ServicesError::UnknownApiKey), Deed::Wrap, 101, 401),
            (Error::Services(ServicesError::NotAllowed(Operation::Wrap)), Deed::Wrap, 101, 403),
            (Refused::NoKey.into(), Deed::Wrap, 200, 422),
            (Error::NotFound, Deed::Unwrap, 201, 422),
            (Refused::Malformed.into(), Deed::Unwrap, 203, 422),
            (Refused::NotBase64(NotBase64::Padding).into(), Deed::Rekey, 203, 422),
            (Refused::NotADek.into(), Deed::Wrap, 204, 422),
            (Refused::NotOpened.into(), Deed::Unwrap, 205, 422),
            (refused("AccessDeniedException"), Deed::Wrap, 206, 422),
            (refused("UnrecognizedClientException"), Deed::Wrap, 206, 422),
            (refused("DisabledException"), Deed::Wrap, 207, 422),
            (refused("NotFoundException"), Deed::Unwrap, 207, 422),
            (refused("KMSInvalidStateException"), Deed::Unwrap, 207, 422),
            (refused("InvalidKeyUsageException"), Deed::Unwrap, 207, 422),
            (Error::Custody(CustodyError::KmsRefused(FailureCode::WRONG_KEY)), Deed::Unwrap, 207, 422),
            (Error::Custody(CustodyError::KmsUnreachable(FailureCode::TIMEOUT)), Deed::Unwrap, 208, 502),
            (
                Error::Custody(CustodyError::KmsUnreachable(FailureCode::NOT_CONNECTED)),
                Deed::Derive,
                208,
                502,
            ),
            (outage("ThrottlingException"), Deed::Wrap, 209, 429),
            (refused("SubscriptionRequiredException"), Deed::Wrap, 210, 422),
            (Error::Busy, Deed::Wrap, 100, 503),
            (Error::Store(StoreError::Database("x".into())), Deed::Derive, 100, 503),
            (Error::Busy, Deed::SecurityEvent, 301, 503),
            (Error::Fault("x".into()), Deed::Report, 301, 503),
            (Error::Fault("x".into()), Deed::Unwrap, 100, 500),
            (Error::Fault("x".into()), Deed::Derive, 401, 500),
            (Error::Data(Refused::TooManySecrets { limit: 1 }), Deed::Derive, 401, 500),
        ] {
            let refusal = Refusal::of(&error, deed);
            assert_eq!((refusal.code, refusal.status.as_u16()), (code, status), "{error} {deed:?}");
            // The journal has the engine's code; the table says which number stands for it here.
            let row = ApiCode::from_word(error.word()).expect("a code of the table").row();
            assert!(
                row.ironcore.contains(&code.to_string()),
                "{}: {} has not {code}",
                row.word,
                row.ironcore
            );
        }
    }
}
