//! All checks of a customer's key before Keystead accepts it.

use crate::custody::kms::{DryRun, Failure, FailureKind, Kms, KmsCredentials};
use domain::base::id::ScopeId;
use domain::custody::customer_key::CustomerKey;
use domain::custody::preflight::{Check, FailureCode, Line, Report, Verdict};

/// Checks a key against the real KMS, line by line. `heard` says whether Decrypt worked.
pub async fn run(
    kms: &Kms,
    scope: ScopeId,
    key: &CustomerKey,
    with: &KmsCredentials,
    heard: &Result<(), Failure>,
) -> Report {
    let mut lines = positive(heard.clone().err());
    // Credentials that are refused for everything would pass the negative checks, so these run only after Decrypt has worked.
    let (encrypt, generate) = if heard.is_ok() {
        let asked = tokio::join!(kms.may_encrypt(scope, key, with), kms.may_generate(scope, key, with));
        (Some(asked.0), Some(asked.1))
    } else {
        (None, None)
    };
    lines.push(negative(Check::EncryptDenied, encrypt));
    lines.push(negative(Check::GenerateDenied, generate));
    Report { lines, also: Vec::new() }
}

/// Returns the report for credentials that do not open. KMS is not called.
pub fn does_not_open() -> Report {
    let line = |check| match check {
        Check::Credentials => Line { check, verdict: Verdict::Failed, code: Some(FailureCode::SEALED) },
        _ => Line { check, verdict: Verdict::NotReached, code: None },
    };
    let checks = Check::POSITIVE.into_iter().chain([Check::EncryptDenied, Check::GenerateDenied]);
    Report { lines: checks.map(line).collect(), also: Vec::new() }
}

/// Returns the five positive lines. One call proves them all, up to the line at which it failed.
fn positive(failure: Option<Failure>) -> Vec<Line> {
    let failed = failure.map(|failure| (fails_at(&failure), failure.code));
    let mut is_past = false;
    let line = |check| match &failed {
        Some((at, code)) if *at == check => {
            is_past = true;
            Line { check, verdict: Verdict::Failed, code: Some(code.clone()) }
        }
        _ => {
            let verdict = if is_past { Verdict::NotReached } else { Verdict::Passed };
            Line { check, verdict, code: None }
        }
    };
    Check::POSITIVE.into_iter().map(line).collect()
}

fn fails_at(failure: &Failure) -> Check {
    match (failure.kind, failure.code.as_str()) {
        // KMS answered, so it was reached. It rejected the time of the signature.
        (FailureKind::Unreachable, code) if code == FailureCode::CLOCK.as_str() => Check::Credentials,
        (FailureKind::Unreachable, _) => Check::Reachable,
        (_, code) if code == FailureCode::WRONG_KEY.as_str() => Check::NamesKey,
        (_, code) if code == FailureCode::WRONG_LENGTH.as_str() => Check::Length,
        (
            _,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "ExpiredTokenException",
        ) => Check::Credentials,
        // AWS authenticates a request before it looks at the key, so the credentials have passed here.
        _ => Check::Decrypt,
    }
}

fn negative(check: Check, found: Option<DryRun>) -> Line {
    let (verdict, code) = match found {
        None => (Verdict::NotReached, None),
        Some(DryRun::Denied) => (Verdict::Passed, None),
        Some(DryRun::Allowed) => (Verdict::Failed, None),
        Some(DryRun::Undetermined(code)) => (Verdict::Undetermined, code),
    };
    Line { check, verdict, code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_failed_line_is_not_reached() {
        let refused = Failure::refused(FailureCode::of_kms("DisabledException"));
        let verdicts: Vec<_> = positive(Some(refused)).iter().map(|line| line.verdict).collect();
        use Verdict::{Failed, NotReached, Passed};
        assert_eq!(verdicts, [Passed, Passed, Failed, NotReached, NotReached]);
        assert!(positive(None).iter().all(|line| line.verdict == Passed));
    }
}
