//! Failures of sessions, of the second factor, and of changes that wait for it.

use super::Row;
use chrono::{DateTime, Utc};
use domain::base::words;

#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    #[error("no session, or it is over")]
    SignedOut,
    #[error("the verification code is wrong or already used")]
    WrongCode { next_in_seconds: i64 },
    #[error("the verification code is for another time")]
    CodeOfAnotherTime,
    #[error("the recovery code is wrong or already used")]
    WrongRecoveryCode,
    #[error("too many tries, blocked until {until}")]
    Blocked { until: DateTime<Utc>, now: DateTime<Utc> },
    #[error("twenty wrong codes in a row")]
    CodesExhausted,
    #[error("the prepared change is gone, spent or expired")]
    ChangeGone,
    #[error("what was shown is no longer true: {0}")]
    Outdated(String),
}

impl ChangesError {
    pub(super) fn row(&self) -> Row {
        match self {
            Self::SignedOut => Row::signed_out("Sign in first."),
            Self::WrongCode { next_in_seconds } => {
                Row::refused(format!("Wrong or already used. Next code in {next_in_seconds} s.")).at("code")
            }
            // No "next code in": only the phone knows when its next code comes.
            Self::CodeOfAnotherTime => Row::refused(
                "This code is for another time. Is the clock of your phone right? Set it, then type the code that the app shows.",
            )
            .at("code"),
            Self::WrongRecoveryCode => {
                Row::refused("Wrong or already used. Try another of your recovery codes.").at("recovery_code")
            }
            Self::Blocked { until, now } => {
                Row::locked(format!("Too many tries. Try again {}.", words::until(*until, *now)))
            }
            Self::CodesExhausted => Row::locked(
                "Too many wrong codes in a row. Use a recovery code, or ask the operator to run keystead admin reset-totp.",
            ),
            Self::ChangeGone => Row::conflict(
                "This change has expired or was already confirmed. This attempt changed nothing. Start again.",
            ),
            Self::Outdated(why) => Row::conflict(format!(
                "{why} Nothing was changed. Review the current state, then start again."
            )),
        }
    }
}
