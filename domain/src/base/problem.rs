//! The only shape in which a failure leaves the process.

use serde::{Deserialize, Serialize};

/// What went wrong and what to do, for a person; and a code, for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    pub code: Code,
    /// What is wrong, then what to do. Never a secret, never internal detail.
    pub message: String,
    /// The form field it belongs to, where there is one.
    pub field: Option<String>,
}

/// Which kind of failure it is; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Something typed cannot be used.
    Invalid,
    /// A verification code, password, recovery code or token was wrong.
    Refused,
    /// Too many tries; wait.
    Locked,
    /// There is no session, or it is over.
    SignedOut,
    /// It does not exist, or it may not be seen.
    NotFound,
    /// What was shown is no longer true.
    Conflict,
    /// A limit forbids it.
    Limit,
    /// The server cannot do it just now: too busy, or its database is away.
    Busy,
    /// A fault inside; the log has the details.
    Internal,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}
