//! Failures of requests: a problem with a status, shown as a page. Faults of the server are logged here, once, with the whole
//! chain of causes.

use super::redirect::{local_path, see};
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::base::address;
use domain::base::form::Form;
use domain::base::problem::{Code, Problem};
use engine::Error;
use engine::base::error::ChangesError;
use std::error::Error as _;

/// A request that ends without its page.
#[derive(Clone, Debug)]
pub enum Failure {
    Problem(StatusCode, Problem),
    /// 303 to another page.
    See(String),
    SignIn(SignInFirst),
}

/// Leads to the sign-in page, and back afterwards.
#[derive(Clone, Debug)]
pub struct SignInFirst {
    /// The page to open after the sign-in; empty: the first page.
    pub next: String,
    /// The browser had a session.
    pub had_session: bool,
    /// The browser keeps what was typed.
    pub keeps: bool,
}

impl IntoResponse for SignInFirst {
    fn into_response(self) -> Response {
        let page = address::with_next(address::SIGN_IN, &self.next);
        let between = if page.contains('?') { '&' } else { '?' };
        let mut response = see(&match (self.keeps, self.had_session) {
            (true, _) => format!("{page}{between}notice=kept"),
            (false, true) => format!("{page}{between}notice=ended"),
            (false, false) => page,
        });
        response.extensions_mut().insert(self);
        response
    }
}

impl Failure {
    pub fn unknown_host() -> Self {
        // Strangers read this, so it does not say what Keystead answers for. The log does.
        let message = "Keystead does not answer for the host name or port in this request. Check the address that you opened. \
                       If it is right, tell the operator: the proxy must pass on the header Host, or KEYSTEAD_PUBLIC_URL is not this \
                       address. Keystead's log has both names.";
        Self::Problem(StatusCode::MISDIRECTED_REQUEST, Problem::new(Code::Invalid, message))
    }

    pub fn foreign_origin() -> Self {
        let message =
            "Keystead accepts changes from its own pages only. Open the page in Keystead and try again.";
        Self::Problem(StatusCode::FORBIDDEN, Problem::new(Code::Refused, message))
    }

    pub fn bad_form() -> Self {
        let message = "Keystead could not read the form. Reload the page and fill in the form again.";
        Self::Problem(StatusCode::BAD_REQUEST, Problem::new(Code::Invalid, message))
    }

    pub fn not_found() -> Self {
        Self::from(Error::NotFound)
    }

    /// Leads to the sign-in page, and then to the page that was asked for, or to the one whose form was sent.
    pub fn sign_in_first(parts: &Parts, had_session: bool) -> Self {
        let next = match parts.method {
            Method::GET => parts.uri.path_and_query().map_or("", |path| path.as_str()),
            // Without the query: a prepared change ends with its session.
            _ => page_of(parts),
        };
        Self::sign_in_first_at(next, had_session)
    }

    /// Leads to the sign-in page, and then to this address.
    pub fn sign_in_first_at(next: &str, had_session: bool) -> Self {
        Self::SignIn(SignInFirst { next: local_path(next), had_session, keeps: false })
    }
}

/// Returns the page with the form that was posted: its own address, or where that takes POST only, the page with the button.
fn page_of(parts: &Parts) -> &str {
    let path = parts.uri.path();
    match parts.extensions.get::<MatchedPath>().map_or(path, MatchedPath::as_str) {
        address::THEME | address::SIGN_OUT | address::SESSION => address::HOME,
        address::AUDIT_EXPORT => address::AUDIT,
        address::PROFILE_RECOVERY_CODES_FILE => address::PROFILE_RECOVERY_CODES_SHOW,
        address::VERSION_CHECK => path.strip_suffix("/check").unwrap_or(path),
        _ => path,
    }
}

/// Returns the HTTP status of a problem.
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Invalid | Code::Refused | Code::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Locked => StatusCode::TOO_MANY_REQUESTS,
        // Only the doors answer 401. A page redirects to the sign-in.
        Code::SignedOut => StatusCode::UNAUTHORIZED,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict => StatusCode::CONFLICT,
        Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // The session ended after the extractor had found it. The address to return to is not known here.
        if matches!(error, Error::Changes(ChangesError::SignedOut)) {
            return Self::See(address::SIGN_IN.into());
        }
        let problem = told(&error);
        Self::Problem(status_of(problem.code), problem)
    }
}

/// Returns the problem to show to the person; logs a fault of the server with its whole chain of causes.
pub(crate) fn told(error: &Error) -> Problem {
    if error.is_fault() {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Most libraries include their causes in their message.
            if !chain.contains(&cause.to_string()) {
                chain = format!("{chain}: {cause}");
            }
            source = cause.source();
        }
        tracing::error!(error = chain, "request failed");
    }
    Problem::from(error)
}

/// Returns the problem to show in the form that it came from, unless the server is at fault, the session has ended or there is
/// nothing to show the form for.
///
/// # Errors
/// [`Failure`] for a problem that cannot be shown in a form.
pub fn in_form(error: Error) -> Result<Problem, Failure> {
    // `told` logs, and the conversion into `Failure` calls it: each fault is logged once.
    match Problem::from(&error).code {
        Code::Internal | Code::NotFound | Code::SignedOut => Err(error.into()),
        _ => Ok(told(&error)),
    }
}

/// A form and the status it is shown with.
pub type Shown = (Form, StatusCode);

/// Returns the form with its problem, and the status that belongs to the problem.
///
/// # Errors
/// [`Failure`] for a problem that cannot be shown in a form.
pub fn refused(form: Form, error: Error) -> Result<Shown, Failure> {
    let problem = in_form(error)?;
    Ok((form.refused(&problem), status_of(problem.code)))
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::See(path) => see(&path),
            Self::SignIn(first) => first.into_response(),
            Self::Problem(status, problem) => {
                let mut response = status.into_response();
                response.extensions_mut().insert(problem);
                response
            }
        }
    }
}
