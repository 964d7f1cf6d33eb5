//! How a request fails: a problem with a status, rendered as a calm page. Faults are logged here,
//! once, with the whole chain.

use super::visitor::SignedIn;
use super::{cookies, page};
use crate::App;
use app::pages::NothingHerePage;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::base::form::Form;
use domain::base::problem::{Code, Problem};
use engine::Error;
use leptos::prelude::*;
use std::error::Error as _;

/// A request that ends without its page.
#[derive(Clone, Debug)]
pub enum Failure {
    Problem(StatusCode, Problem),
    /// 303 to another page.
    See(String),
}

impl Failure {
    pub fn unknown_host() -> Self {
        let message =
            "This server does not answer for the address that was asked. Check KEYSTEAD_PUBLIC_URL.";
        Self::Problem(StatusCode::MISDIRECTED_REQUEST, Problem::new(Code::Invalid, message))
    }

    pub fn foreign_origin() -> Self {
        let message = "The request did not come from a page of Keystead. Open the page here and try again.";
        Self::Problem(StatusCode::FORBIDDEN, Problem::new(Code::Refused, message))
    }

    pub fn bad_form() -> Self {
        let message = "The form could not be read. Open the page again and fill it in there.";
        Self::Problem(StatusCode::BAD_REQUEST, Problem::new(Code::Invalid, message))
    }

    pub fn not_found() -> Self {
        Self::from(Error::NotFound)
    }

    /// To the sign-in page; a page that was to be read is come back to.
    pub fn sign_in_first(parts: &Parts) -> Self {
        let wanted = parts.uri.path_and_query().map(|path| path.as_str()).unwrap_or_default();
        let next = if parts.method == Method::GET { page::local_path(wanted) } else { String::new() };
        Self::See(match next.as_str() {
            "" | "/" | "/environments" => "/sign-in".into(),
            next => format!("/sign-in?next={}", page::encode(next)),
        })
    }
}

/// The HTTP status of a problem.
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Invalid | Code::Refused | Code::Limit => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Locked => StatusCode::TOO_MANY_REQUESTS,
        Code::SignedOut => StatusCode::UNAUTHORIZED,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict => StatusCode::CONFLICT,
        Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if matches!(error, Error::SignedOut) {
            return Self::See("/sign-in".into());
        }
        let problem = told(&error);
        Self::Problem(status_of(problem.code), problem)
    }
}

/// What the person is told; what is the server's fault is told the log, whole.
pub(crate) fn told(error: &Error) -> Problem {
    if error.is_fault() {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Most libraries say their causes themselves.
            if !chain.contains(&cause.to_string()) {
                chain = format!("{chain}: {cause}");
            }
            source = cause.source();
        }
        tracing::error!(error = chain, "a request failed");
    }
    Problem::from(error)
}

/// A problem belongs to the form it came from, unless the server itself is at fault or there is
/// nothing to show the form for.
///
/// # Errors
/// What cannot be shown in a form.
pub fn in_form(error: Error) -> Result<Problem, Failure> {
    match Problem::from(&error).code {
        Code::Internal | Code::NotFound | Code::SignedOut => Err(error.into()),
        _ => Ok(told(&error)),
    }
}

/// A form and the status it is shown with.
pub type Shown = (Form, StatusCode);

/// The form with what was wrong in it, and the status that goes with that.
///
/// # Errors
/// What cannot be shown in a form.
pub fn refused(form: Form, error: Error) -> Result<Shown, Failure> {
    let problem = in_form(error)?;
    Ok((form.refused(&problem), status_of(problem.code)))
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::See(path) => match HeaderValue::from_str(&path) {
                Ok(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
                Err(_) => StatusCode::NOT_FOUND.into_response(),
            },
            Self::Problem(status, problem) => {
                let mut response = status.into_response();
                response.extensions_mut().insert(problem);
                response
            }
        }
    }
}

/// What is not there, for somebody signed in: said in the frame, so that the way on is not lost. It stands behind
/// everything that refuses a request, since it looks for the session.
pub async fn nothing_in_frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let looked_at = (parts.method == Method::GET).then(|| parts.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(mut parts) = looked_at.filter(|_| response.status() == StatusCode::NOT_FOUND) else {
        return response;
    };
    let Ok(who) = SignedIn::from_request_parts(&mut parts, &app).await else { return response };
    let Ok(chrome) = page::chrome(&app, &who).await else { return response };
    let problem = response.extensions().get::<Problem>().cloned();
    let message = problem.unwrap_or_else(|| Problem::from(&Error::NotFound)).message;
    let (title, reason) = (title(StatusCode::NOT_FOUND), Reason(message.clone()));
    let page = page::Page::framed(&who, title).status(StatusCode::NOT_FOUND);
    let mut page =
        page.show(&app, move || view! { <NothingHerePage chrome title=title.to_owned() message /> });
    page.extensions_mut().insert(reason);
    page
}

/// Turns every failed answer without a page of its own into one. It stands before everything that
/// refuses a request, so it reads nothing but the request.
pub async fn as_page(State(app): State<App>, request: Request, next: Next) -> Response {
    let theme = cookies::theme(&app, request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare(&response) => bare(status),
        None => return response,
    };
    let reason = Reason(problem.message.clone());
    let mut page = page::error(&app, theme, status, title(status), problem.message);
    page.extensions_mut().insert(reason);
    page
}

/// Why a request was refused, for the log.
#[derive(Clone)]
pub struct Reason(pub String);

/// Answers that the router or an extractor made by itself.
fn is_bare(response: &Response) -> bool {
    let kind =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = response.status();
    (status.is_client_error() || status.is_server_error()) && !kind.starts_with("text/html")
}

fn bare(status: StatusCode) -> Problem {
    let message = match status {
        StatusCode::NOT_FOUND => return Problem::from(&Error::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => {
            "This address does not take that kind of request. Open it as a page."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "The form was larger than 64 KiB. Nothing was changed.",
        StatusCode::GATEWAY_TIMEOUT => {
            "This took longer than 10 seconds. Look whether it was done before you try again."
        }
        StatusCode::REQUEST_TIMEOUT => "The request took longer than 10 seconds to arrive. Try again.",
        StatusCode::SERVICE_UNAVAILABLE => "Keystead is busy. Try again in a few seconds.",
        _ => "The request could not be understood. Open the page again.",
    };
    Problem::new(Code::Invalid, message)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => "Not from here",
        StatusCode::CONFLICT => "No longer possible",
        StatusCode::SERVICE_UNAVAILABLE => "Not available just now",
        StatusCode::INTERNAL_SERVER_ERROR => "Something failed",
        _ => "Not possible like this",
    }
}
