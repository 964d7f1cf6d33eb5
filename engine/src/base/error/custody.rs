//! Failures of the customers' KMS.

use super::Row;
use domain::custody::preflight::{FailureCode, Report};
use domain::data::code::ApiCode;

#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    #[error("the pre-flight found: {}", .0.summary())]
    Preflight(Box<Report>),
    #[error("version {0} of the scope has the same key")]
    SameKey(u32),
    #[error("too many pre-flights")]
    PreflightsTooMany { seconds: i64 },
    #[error("the customer's KMS refuses: {0}")]
    KmsRefused(FailureCode),
    #[error("the customer's KMS cannot be reached: {0}")]
    KmsUnreachable(FailureCode),
    #[error("the key type of the version is not Manual: AWS")]
    NotHeld,
}

impl CustodyError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::Preflight(report) if report.blocks() => Row::invalid(
                "This key can't be registered yet; nothing was saved. See the failed check below.",
            ),
            Self::Preflight(report) if report.also.is_empty() => Row::invalid(
                "We could not confirm that these credentials are limited to Decrypt. Use other credentials, or tick the box \
                 below the results.",
            ),
            Self::Preflight(report) if report.warns() => Row::invalid(
                "We could not confirm that these credentials are limited to Decrypt, and another scope uses this key already. See \
                 the results below. Use other credentials and a new data key, or tick both boxes.",
            ),
            Self::Preflight(_) => Row::invalid(
                "Another scope uses this key already. See the results below. Generate a new data key, or tick the box.",
            ),
            Self::SameKey(number) => Row::invalid(format!(
                "This is the key of version {number}: nothing changes. To replace version {number}, generate a new data key with \
                 aws kms generate-data-key-without-plaintext."
            ))
            .at("encrypted_key"),
            Self::PreflightsTooMany { seconds } => {
                Row::locked(format!("Too many checks in a short time. Try again in {seconds} s."))
            }
            Self::KmsRefused(code) => {
                Row::refused(format!("The customer's KMS refuses to release this key ({code})."))
                    .code(ApiCode::KmsRefused.word())
            }
            Self::KmsUnreachable(code) if code.is_throttling() => Row::busy(format!(
                "The customer's KMS limits the rate of requests ({code}). Try again in a moment."
            ))
            .code(ApiCode::KmsThrottled.word()),
            Self::KmsUnreachable(code) => {
                Row::busy(format!("The customer's KMS cannot be reached ({code}). Try again in a moment."))
                    .code(ApiCode::KmsUnreachable.word())
            }
            Self::NotHeld => Row::not_found("There is nothing at this address."),
        }
    }
}
