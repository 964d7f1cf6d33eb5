//! The pages, one folder per room: each file loads the data of its pages and handles their forms.

pub mod audit;
pub mod changes;
pub mod custody;
pub mod data;
pub mod keys;
pub mod overview;
pub mod people;
pub mod scopes;
pub mod services;

use crate::App;
use crate::web::cookies;
use crate::web::failure::status_of;
use crate::web::redirect::see;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::base::form::Form;
use domain::base::problem::Code;
use domain::people::view::EnrolmentView;
use engine::changes::totp::Enrolment;
use engine::{Error, NewSession};
use qrcode::{Color, QrCode};

/// Returns the status of a form that is shown: 200 at first, 422 after a refusal (or 503 when busy, 429 when locked).
pub(crate) fn form_status(form: &Form) -> StatusCode {
    match form.code {
        Some(code @ (Code::Busy | Code::Locked)) => status_of(code),
        _ if form.is_refused() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    }
}

/// Redirects (303) to a page, with the token of a new session, and with the device cookie when somebody has signed in.
pub(crate) fn enter(app: &App, new: &NewSession, path: &str) -> Response {
    let response = with_cookie(see(path), cookies::session(app, &new.token).to_string());
    match &new.device {
        Some(device) => with_cookie(response, cookies::set_device(app, device)),
        None => response,
    }
}

pub(crate) fn with_cookie(response: Response, cookie: String) -> Response {
    match HeaderValue::from_str(&cookie) {
        Ok(mut value) => {
            // Keeps the token out of HTTP/2's table of headers (RFC 7541, 7.1.3) and out of debug output.
            value.set_sensitive(true);
            let mut response = response;
            response.headers_mut().append(SET_COOKIE, value);
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Returns an authenticator as a page shows it: its names, the secret as text, and a QR code as the path of its dark modules.
pub(crate) fn enrolment_view(issuer: &str, enrolment: &Enrolment) -> Result<EnrolmentView, Error> {
    // Scanners need a margin of four modules (ISO/IEC 18004).
    const QUIET: usize = 4;
    let url = enrolment.url(issuer)?;
    let code = QrCode::new(url.as_bytes()).map_err(|_| Error::Fault("the QR code cannot be drawn".into()))?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", index % width + QUIET, index / width + QUIET));
        }
    }
    let qr_size = u32::try_from(width + 2 * QUIET).unwrap_or_default();
    Ok(EnrolmentView {
        issuer: issuer.to_owned(),
        account: enrolment.account(),
        replaces: enrolment.replaces(),
        secret: enrolment.seed.text(),
        qr_size,
        qr_path: path,
    })
}
