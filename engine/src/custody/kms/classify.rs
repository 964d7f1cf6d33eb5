//! Decides whether a failed call is a refusal or an outage. Only codes leave this file, never KMS's messages.

use crate::custody::kms::endpoint::is_not_public;
use crate::custody::kms::{DryRun, Failure};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use domain::custody::preflight::{FailureCode, THROTTLING};

/// KMS answered, but not about the key: material that it released before may still be used.
const OUTAGES: [&str; 9] = [
    "KMSInternalException",
    "KeyUnavailableException",
    "ServiceUnavailableException",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalServerError",
    "SlowDown",
    "RequestExpired",
    "RequestTimeTooSkewed",
];
/// Gateways return these for requests that they cannot route; KMS itself never does.
const OF_GATEWAYS: [&str; 3] =
    ["ForbiddenException", "MissingAuthenticationTokenException", "UnknownOperationException"];
/// Request Timeout, Too Many Requests.
const NOT_NOW: [u16; 2] = [408, 429];

/// Classifies a failed call.
pub fn failure<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Failure {
    match error {
        SdkError::TimeoutError(_) => Failure::unreachable(FailureCode::TIMEOUT),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Failure::unreachable(FailureCode::TIMEOUT)
        }
        SdkError::DispatchFailure(failure)
            if failure.as_connector_error().is_some_and(|e| is_not_public(e)) =>
        {
            tracing::warn!(
                "a region's KMS host resolves to an address that is not public; set KEYSTEAD_KMS_PRIVATE_ENDPOINTS to allow it"
            );
            Failure::unreachable(FailureCode::NOT_PUBLIC)
        }
        // The connection was made, and no answer of HTTP came, or one that is too long.
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            Failure::unreachable(FailureCode::NOT_UNDERSTOOD)
        }
        SdkError::DispatchFailure(_) => Failure::unreachable(FailureCode::NOT_CONNECTED),
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let said = service.err().meta();
            answer(status, said.code(), said.message().unwrap_or_default())
        }
        // An answer that is not KMS's protocol says nothing about the customer's decision.
        _ => Failure::unreachable(FailureCode::NOT_UNDERSTOOD),
    }
}

fn answer(status: u16, code: Option<&str>, message: &str) -> Failure {
    // A refusal is an answer of KMS itself: 4xx with a code. An intermediary may send a page with a status.
    let Some(code) = code else { return Failure::unreachable(FailureCode::NOT_UNDERSTOOD) };
    if is_about_time(code, message) {
        return Failure::unreachable(FailureCode::CLOCK);
    }
    let known = FailureCode::of_kms(code);
    let is_answer = (400..500).contains(&status) && !NOT_NOW.contains(&status);
    if is_answer && !is_outage(code) { Failure::refused(known) } else { Failure::unreachable(known) }
}

fn is_outage(code: &str) -> bool {
    // DependencyTimeoutException, RequestTimeoutException.
    let is_transient = code.contains("Timeout") || THROTTLING.iter().any(|part| code.contains(part));
    is_transient || OUTAGES.contains(&code) || OF_GATEWAYS.contains(&code)
}

/// Checks for "Signature expired: …" and "Signature not yet current: …": this server's clock is wrong, and the customer did not
/// refuse.
fn is_about_time(code: &str, message: &str) -> bool {
    let is_signature = matches!(code, "InvalidSignatureException" | "SignatureDoesNotMatch");
    is_signature
        && (message.starts_with("Signature expired") || message.starts_with("Signature not yet current"))
}

/// Classifies a dry run. Success means that the endpoint does not support dry runs: KMS always answers one with an error.
pub fn dry_run<T, E: ProvideErrorMetadata>(sent: Result<T, SdkError<E, HttpResponse>>) -> DryRun {
    let Err(error) = sent else { return DryRun::Undetermined(None) };
    let Failure { code, .. } = failure(&error);
    match code.as_str() {
        "AccessDeniedException" => DryRun::Denied,
        // KMS sends this code when the call would have succeeded (AWS KMS Developer Guide).
        "DryRunOperationException" => DryRun::Allowed,
        _ => DryRun::Undetermined(Some(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::kms::FailureKind;

    #[test]
    fn refusals_and_outages_are_told_apart() {
        use FailureKind::{Refused, Unreachable};
        for (status, code, message, kind) in [
            (400, "AccessDeniedException", "", Refused),
            (400, "DisabledException", "", Refused),
            (400, "KMSInvalidStateException", "", Refused),
            (400, "NotFoundException", "", Refused),
            (400, "IncorrectKeyException", "", Refused),
            (400, "InvalidCiphertextException", "", Refused),
            (400, "UnrecognizedClientException", "", Refused),
            (403, "InvalidClientTokenId", "", Refused),
            (403, "InvalidSignatureException", "The request signature we calculated does not match", Refused),
            (
                403,
                "InvalidSignatureException",
                "Signature expired: 20261122T115500Z is now earlier than …",
                Unreachable,
            ),
            (403, "InvalidSignatureException", "Signature not yet current: …", Unreachable),
            (403, "RequestTimeTooSkewed", "", Unreachable),
            (400, "ThrottlingException", "", Unreachable),
            (400, "LimitExceededException", "", Unreachable),
            (500, "KMSInternalException", "", Unreachable),
            (500, "KeyUnavailableException", "", Unreachable),
            (503, "DependencyTimeoutException", "", Unreachable),
            (503, "AccessDeniedException", "", Unreachable),
            (429, "RequestThrottled", "", Unreachable),
            (429, "AccessDeniedException", "", Unreachable),
            (400, "ThrottledException", "", Unreachable),
            (400, "RequestLimitExceeded", "", Unreachable),
            (408, "RequestTimeoutException", "", Unreachable),
            (403, "ForbiddenException", "", Unreachable),
            (403, "SomethingNewException", "", Refused),
        ] {
            assert_eq!(answer(status, Some(code), message).kind, kind, "{status} {code} {message}");
        }
        assert_eq!(answer(403, None, "").kind, Unreachable, "a page of something between is no refusal");
    }
}
