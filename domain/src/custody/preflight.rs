//! The pre-flight: checks of a customer's key and credentials against their KMS, and the results.

use crate::base::words;
use crate::keys::version_ref::VersionName;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Parts of codes that say that KMS gets too many requests. Services, and gateways in front of them, spell them in many ways:
/// ThrottlingException, RequestThrottled, ThrottledException, RequestLimitExceeded, TooManyRequestsException.
pub const THROTTLING: [&str; 3] = ["Throttl", "LimitExceeded", "TooManyRequests"];

/// The code of a failure: KMS's own (`AccessDeniedException`), or Keystead's where KMS sent none. Never KMS's message, because
/// it may repeat the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCode(Cow<'static, str>);

impl FailureCode {
    /// KMS did not answer in time.
    pub const TIMEOUT: Self = Self(Cow::Borrowed("Timeout"));
    /// No connection: name, address, TLS.
    pub const NOT_CONNECTED: Self = Self(Cow::Borrowed("NotConnected"));
    /// The host of the region has an address that is not public.
    pub const NOT_PUBLIC: Self = Self(Cow::Borrowed("NotPublic"));
    /// The call got no turn in time: other calls for the same scope took all places. It says nothing about KMS.
    pub const BUSY: Self = Self(Cow::Borrowed("Busy"));
    /// The answer does not come from KMS.
    pub const NOT_UNDERSTOOD: Self = Self(Cow::Borrowed("NotUnderstood"));
    /// KMS says that the request was signed too early or too late: this server's clock is off.
    pub const CLOCK: Self = Self(Cow::Borrowed("ClockOff"));
    /// The answer names another key than the requested one.
    pub const WRONG_KEY: Self = Self(Cow::Borrowed("WrongKey"));
    /// The plaintext is not 32 bytes.
    pub const WRONG_LENGTH: Self = Self(Cow::Borrowed("WrongLength"));
    /// The stored key or secret is corrupt or cannot be decrypted.
    pub const SEALED: Self = Self(Cow::Borrowed("Sealed"));
    /// The database cannot be read.
    pub const DATABASE: Self = Self(Cow::Borrowed("Database"));

    /// Takes a code that KMS sent. Replaces it by `UnknownError` unless it consists of 3 to 60 letters and ends like a code,
    /// because any other text could be something else.
    pub fn of_kms(code: &str) -> Self {
        let is_code = (3..=60).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_alphabetic())
            && [
                "Exception",
                "Error",
                "Failure",
                "Denied",
                "Expired",
                "Skewed",
                "TokenId",
                "NotMatch",
                "Signature",
                "Throttled",
                "Throttling",
                "Exceeded",
                "Unavailable",
            ]
            .iter()
            .any(|end| code.ends_with(end));
        Self(if is_code { Cow::Owned(code.to_owned()) } else { Cow::Borrowed("UnknownError") })
    }

    /// Takes a code from the database.
    pub fn stored(code: &str) -> Self {
        Self(Cow::Owned(code.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks whether KMS answered that it gets too many requests.
    pub fn is_throttling(&self) -> bool {
        THROTTLING.iter().any(|part| self.as_str().contains(part))
    }

    /// Checks for a refusal that may be one of a moment: the servers of IAM learn of a new access key or policy one after another
    /// (AWS IAM User Guide, "Changes that I make are not always immediately visible").
    pub fn is_doubtful(&self) -> bool {
        ["UnrecognizedClient", "InvalidClientTokenId", "AccessDenied"]
            .iter()
            .any(|begin| self.as_str().starts_with(begin))
    }

    /// Returns the field of the form that the code is most likely about; `None` where nothing that was typed is to blame.
    pub fn field(&self) -> Option<&'static str> {
        match self.as_str() {
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
                Some("secret_access_key")
            }
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException" => Some("access_key_id"),
            "WrongKey"
            | "DisabledException"
            | "KMSInvalidStateException"
            | "NotFoundException"
            | "IncorrectKeyException"
            | "InvalidKeyUsageException"
            | "UnsupportedOperationException" => Some("cmk_arn"),
            "WrongLength" | "InvalidCiphertextException" | "ValidationException" => Some("encrypted_key"),
            _ => None,
        }
    }

    /// Explains what the code means and what to do, for the person who looks at the customer's key.
    pub fn explanation(&self) -> &'static str {
        match self.as_str() {
            "Timeout" => {
                "KMS did not answer within two seconds. Try again. If this continues, check the network between Keystead and KMS."
            }
            "NotConnected" => {
                "Keystead could not connect to KMS. Either the host name does not resolve, the host does not answer, or its \
                 certificate is not trusted. Check the region and the network between Keystead and KMS."
            }
            "NotPublic" => {
                "The host name of the region's KMS resolves to a private address, which this server does not call. If the \
                 address is a VPC endpoint, ask the operator of Keystead to set KEYSTEAD_KMS_PRIVATE_ENDPOINTS."
            }
            "Busy" => "Keystead has too many calls to this KMS in progress. Try again in a few seconds.",
            "NotUnderstood" => {
                "The answer did not come from KMS. Check for a proxy or gateway between Keystead and KMS."
            }
            // `ClockOff` stands for an invalid signature that KMS explains with the time; the other two codes say it themselves.
            "ClockOff" | "RequestExpired" | "RequestTimeTooSkewed" => {
                "KMS rejected the time of the request's signature because this server's clock is wrong. Correct the clock."
            }
            "WrongKey" => {
                "KMS decrypted the data key with a different CMK. Check the ARN and the encrypted key."
            }
            "WrongLength" => {
                "The data key is not 32 bytes. Generate it with --key-spec AES_256 and register that one."
            }
            "Sealed" => {
                "The data stored for this version was changed outside Keystead and cannot be decrypted. Ask the operator of \
                 Keystead to check the database."
            }
            "Database" => "Keystead cannot read its database. Ask the operator of Keystead to check it.",
            "AccessDeniedException" | "AccessDenied" => {
                "These credentials do not have permission for this operation with this key. Attach the decrypt-only policy \
                 to the IAM user, and check the key policy and the conditions of both. If you attached it a moment ago, wait ten seconds and try again."
            }
            "DisabledException" => {
                "The CMK is disabled. The owner of the key can enable it in the AWS console."
            }
            "KMSInvalidStateException" => {
                "The CMK is pending deletion or is not usable for another reason. The owner of the key can cancel the \
                 deletion or check the key's state in the AWS console."
            }
            "NotFoundException" => {
                "KMS found no such key in this region and account. Check the ARN. A deleted key cannot be restored."
            }
            "IncorrectKeyException" => {
                "The encrypted key was created under a different CMK. Check that the encrypted key and the ARN match."
            }
            "InvalidCiphertextException" => {
                "KMS cannot open the encrypted key. Most likely the data key was generated with an encryption context \
                 (--encryption-context), and Keystead sends none: generate a new data key without it. Otherwise the encrypted \
                 key is damaged or was created elsewhere: copy the whole CiphertextBlob again."
            }
            "InvalidKeyUsageException" | "UnsupportedOperationException" | "ValidationException" => {
                "This key or this encrypted key is of the wrong kind. Use a symmetric encryption key."
            }
            "UnrecognizedClientException" | "InvalidClientTokenId" => {
                "AWS does not know this access key ID. It was mistyped, deactivated or deleted, or made a moment ago. If it is \
                 new, wait ten seconds and try again. Otherwise check it in the IAM console."
            }
            "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignature" => {
                "The secret key does not belong to this access key ID. Copy it again, or create a new access key."
            }
            "ExpiredTokenException" => {
                "These are temporary credentials that have expired. Create an access key for an IAM user."
            }
            _ if self.is_throttling() => "KMS is limiting the request rate. Try again in a minute.",
            "ForbiddenException" | "MissingAuthenticationTokenException" | "UnknownOperationException" => {
                "A gateway between Keystead and KMS blocked the request. Check the gateway's configuration."
            }
            "UnknownError" => {
                "KMS refused the request with a code in an unknown format, which Keystead does not show. Find the call in \
                 CloudTrail in the customer's AWS account."
            }
            "DependencyTimeoutException" | "KMSInternalException" | "KeyUnavailableException" => {
                "KMS has an internal problem. Try again in a minute."
            }
            _ => {
                "KMS answered with a code that Keystead does not know. Look up the code in the AWS documentation."
            }
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A check of the pre-flight, in the order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    Reachable,
    Credentials,
    Decrypt,
    NamesKey,
    Length,
    EncryptDenied,
    GenerateDenied,
}

impl Check {
    pub const POSITIVE: [Self; 5] =
        [Self::Reachable, Self::Credentials, Self::Decrypt, Self::NamesKey, Self::Length];

    pub fn label(self) -> &'static str {
        match self {
            Self::Reachable => "KMS can be reached",
            Self::Credentials => "The credentials are valid",
            Self::Decrypt => "Decrypt works",
            Self::NamesKey => "The answer names this CMK",
            Self::Length => "The data key is 32 bytes",
            Self::EncryptDenied => "Encrypt is denied",
            Self::GenerateDenied => "GenerateDataKey is denied",
        }
    }

    /// Checks whether the check must pass before the key can be used; the others only warn.
    pub fn is_positive(self) -> bool {
        Self::POSITIVE.contains(&self)
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    /// The endpoint gave no answer that decides it.
    Undetermined,
    /// An earlier check failed.
    NotReached,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Undetermined => "undetermined",
            Self::NotReached => "not-reached",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::Undetermined => "Could not be determined",
            Self::NotReached => "Not run",
        }
    }
}

/// One line of a pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub check: Check,
    pub verdict: Verdict,
    pub code: Option<FailureCode>,
}

impl Line {
    /// Explains what the verdict means and what to do; `None` where there is nothing to say.
    pub fn explanation(&self) -> Option<&'static str> {
        match (self.check.is_positive(), self.verdict) {
            (_, Verdict::NotReached) => None,
            (true, Verdict::Passed) => None,
            (true, _) => Some(self.code.as_ref().map_or("", FailureCode::explanation)),
            (false, Verdict::Passed) => None,
            (false, Verdict::Failed) => Some(
                "These credentials may do more than decrypt. Anyone who obtains them could encrypt in the customer's name. \
                 Use an IAM user with the decrypt-only policy.",
            ),
            (false, Verdict::Undetermined) => {
                Some("The dry run gave no clear answer. Make sure that the IAM policy allows only Decrypt.")
            }
        }
    }
}

/// The result of a pre-flight, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub lines: Vec<Line>,
    /// Versions of other scopes that have the same key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<VersionName>,
}

impl Report {
    /// Checks whether a positive check did not pass, so that the key cannot be used.
    pub fn blocks(&self) -> bool {
        // A check that is missing from the report counts as not passed: an empty report proves nothing.
        !Check::POSITIVE.iter().all(|check| self.verdict_of(*check) == Some(Verdict::Passed))
    }

    /// Checks whether the credentials permit more than they should, or whether that is unknown.
    pub fn warns(&self) -> bool {
        self.lines.iter().any(|line| {
            !line.check.is_positive() && matches!(line.verdict, Verdict::Failed | Verdict::Undetermined)
        })
    }

    /// Names the versions of other scopes that have the same key: "version 2 of production/FR"; `None` when there is none.
    pub fn also(&self) -> Option<String> {
        let names: Vec<_> = self.also.iter().map(ToString::to_string).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    pub fn verdict_of(&self, check: Check) -> Option<Verdict> {
        self.lines.iter().find(|line| line.check == check).map(|line| line.verdict)
    }

    /// Returns the first check that failed.
    pub fn first_failure(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.verdict == Verdict::Failed)
    }

    /// Summarises the report: "7 of 7 checks passed", "Decrypt works: failed (AccessDeniedException)".
    pub fn summary(&self) -> String {
        let passed = self.lines.iter().filter(|line| line.verdict == Verdict::Passed).count();
        let all = words::count(u32::try_from(self.lines.len()).unwrap_or(u32::MAX), "check", "checks");
        match self.first_failure() {
            Some(line) => {
                let code = line.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
                format!("{}: failed{code}", line.check.label())
            }
            None => {
                let also = self.also().map(|names| format!(", also the key of {names}")).unwrap_or_default();
                format!("{passed} of {all} passed{also}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(positive: Verdict, negative: Verdict) -> Report {
        let line = |check: Check| {
            let verdict = if check.is_positive() { positive } else { negative };
            Line { check, verdict, code: None }
        };
        let checks = Check::POSITIVE.into_iter().chain([Check::EncryptDenied, Check::GenerateDenied]);
        Report { lines: checks.map(line).collect(), also: Vec::new() }
    }

    #[test]
    fn a_positive_line_blocks_and_a_negative_one_warns() {
        let good = report(Verdict::Passed, Verdict::Passed);
        assert!(!good.blocks() && !good.warns());
        assert_eq!(good.summary(), "7 of 7 checks passed");
        for negative in [Verdict::Failed, Verdict::Undetermined] {
            let more = report(Verdict::Passed, negative);
            assert!(!more.blocks() && more.warns());
        }
        assert!(report(Verdict::Failed, Verdict::NotReached).blocks());
        assert!(Report::default().blocks(), "nothing checked is nothing proved");
    }

    #[test]
    fn only_what_looks_like_a_code_is_kept_of_an_answer() {
        for good in ["AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch"] {
            assert_eq!(FailureCode::of_kms(good).as_str(), good);
        }
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for bad in [secret, "", "<script>", "Some Exception", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYabcd"] {
            assert_eq!(FailureCode::of_kms(bad).as_str(), "UnknownError", "{bad}");
        }
    }

    /// KMS has one code for several mistakes. The likelier cause comes first, each with its remedy.
    #[test]
    fn a_code_of_several_causes_names_them_in_order() {
        for (code, causes) in [
            (
                "InvalidCiphertextException",
                &[
                    "--encryption-context",
                    "without it",
                    "damaged",
                    "elsewhere",
                    "Copy the whole CiphertextBlob",
                ][..],
            ),
            (
                "UnrecognizedClientException",
                &["mistyped", "deactivated", "deleted", "made a moment ago", "try again"],
            ),
            ("AccessDeniedException", &["decrypt-only policy", "key policy", "a moment ago", "try again"]),
        ] {
            let said = FailureCode::of_kms(code).explanation().to_lowercase();
            let places: Vec<_> = causes.iter().map(|cause| said.find(&cause.to_lowercase())).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{code}: {places:?}");
        }
    }

    #[test]
    fn every_code_of_the_classification_is_explained_in_words_of_its_own() {
        let unknown = FailureCode::of_kms("SomethingNewException").explanation();
        for code in [
            "AccessDeniedException",
            "DisabledException",
            "KMSInvalidStateException",
            "NotFoundException",
            "IncorrectKeyException",
            "InvalidCiphertextException",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "ThrottlingException",
            "KMSInternalException",
        ] {
            assert_ne!(FailureCode::of_kms(code).explanation(), unknown, "{code}");
        }
    }
}
