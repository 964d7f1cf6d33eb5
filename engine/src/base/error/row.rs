//! The part of a failure that people and programs outside see.

use domain::base::problem::Code;
use std::borrow::Cow;

/// The part of one failure that people and programs outside see.
pub(crate) struct Row {
    /// One-word code for programs.
    pub code: &'static str,
    /// Kind of the failure, which decides the HTTP status.
    pub status: Code,
    /// Form field that the failure belongs to.
    pub field: Option<&'static str>,
    /// Text for people: first what is wrong, then what to do.
    pub message: Cow<'static, str>,
}

macro_rules! kinds {
    ($($name:ident $status:ident $code:literal;)*) => {$(
        pub fn $name(message: impl Into<Cow<'static, str>>) -> Self {
            Self { code: $code, status: Code::$status, field: None, message: message.into() }
        }
    )*};
}

impl Row {
    kinds! {
        invalid Invalid "invalid";
        refused Refused "refused";
        locked Locked "too_many";
        signed_out SignedOut "unauthorised";
        not_found NotFound "not_found";
        conflict Conflict "conflict";
        limit Limit "limit";
        busy Busy "busy";
        damaged Internal "damaged";
    }

    /// Returns the row of a fault of Keystead itself, which tells nobody outside any detail.
    pub fn internal() -> Self {
        let message = "Keystead failed internally. Nothing was changed. An operator finds the cause in the server's log.";
        Self { code: "internal", status: Code::Internal, field: None, message: message.into() }
    }

    /// Sets the form field that the failure belongs to.
    pub fn at(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    /// Replaces the code of the kind by a more specific one.
    pub fn code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }
}
