//! A row of what people and programs are told.

use domain::base::problem::Code;
use std::borrow::Cow;

/// What one failure looks like outside.
pub(crate) struct Row {
    /// One word for a program.
    pub code: &'static str,
    /// Its kind, which decides the HTTP status.
    pub status: Code,
    /// The form field it belongs to.
    pub field: Option<&'static str>,
    /// What is wrong, then what to do.
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
    }

    /// A fault of Keystead itself: nobody outside learns more.
    pub fn internal() -> Self {
        let message = "Something inside Keystead failed. Nothing was changed; the server's log says why.";
        Self { code: "internal", status: Code::Internal, field: None, message: message.into() }
    }

    /// It belongs to this field of the form.
    pub fn at(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    /// A program gets this word instead of that of its kind.
    pub fn code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }
}
