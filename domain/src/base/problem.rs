//! The only form in which a failure leaves the process.

use serde::{Deserialize, Serialize};

/// A failure: a message for people that says what is wrong and what to do, and a code for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    pub code: Code,
    /// Says what is wrong, then what to do. Never holds a secret or an internal detail.
    pub message: String,
    /// The form field it belongs to, where there is one.
    pub field: Option<String>,
}

/// The kind of failure; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A typed value cannot be used.
    Invalid,
    /// A verification code, password, recovery code or token was wrong.
    Refused,
    /// Too many tries; wait.
    Locked,
    /// There is no session, or it is over.
    SignedOut,
    /// The resource does not exist, or the caller may not see it.
    NotFound,
    /// The data has changed since the page showed it.
    Conflict,
    /// A limit forbids it.
    Limit,
    /// The server cannot do it now: it is too busy, or its database is unavailable.
    Busy,
    /// An internal fault; the log has the details.
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
