//! Turns failed responses into pages.

use super::visitor::SignedIn;
use super::{cookies, page};
use crate::App;
use app::pages::NothingHerePage;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use domain::base::problem::{Code, Problem};
use engine::Error;
use leptos::prelude::*;

/// Shows the page for 404 inside the frame to a person who is signed in, so that the navigation stays. This layer runs after
/// everything that refuses a request, because it looks up the session.
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
    // The log needs the reason. A `Problem` here would make `as_page` replace this page.
    page.extensions_mut().insert(reason);
    page
}

/// Turns every failed response without a page of its own into one. This layer runs before everything that refuses a request, so
/// it reads nothing but the request.
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
    // The page is a new response, and the connection may have to end with it (`framing`).
    if let Some(connection) = response.headers_mut().remove(CONNECTION) {
        page.headers_mut().insert(CONNECTION, connection);
    }
    page
}

/// Why a request was refused, for the log.
#[derive(Clone)]
pub struct Reason(pub String);

/// Checks whether the router or an extractor made the response by itself.
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
            "This address does not accept this kind of request. Go back and use the buttons on the page."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "The form was larger than 64 KiB. Nothing was changed.",
        // The time-out drops the handler wherever it is, perhaps after its commit.
        StatusCode::GATEWAY_TIMEOUT => {
            "The request took longer than 10 seconds. Check whether it took effect before you try again."
        }
        StatusCode::REQUEST_TIMEOUT => "The request took longer than 10 seconds to arrive. Try again.",
        StatusCode::SERVICE_UNAVAILABLE => "Keystead is busy. Try again in a few seconds.",
        _ => "Keystead could not read the request. Reload the page and try again.",
    };
    Problem::new(Code::Invalid, message)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => "Request blocked",
        StatusCode::CONFLICT => "No longer possible",
        StatusCode::SERVICE_UNAVAILABLE => "Temporarily unavailable",
        StatusCode::INTERNAL_SERVER_ERROR => "Something failed",
        _ => "Request not accepted",
    }
}
