//! What a person had typed when their session ended. The browser keeps it, sealed, while the person signs in again; then the form is
//! as they left it, without its secrets.

use super::cookies;
use super::failure::SignInFirst;
use super::visitor::Visitor;
use crate::App;
use crate::pages::with_cookie;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::base::form::Form;
use engine::{Session, Stage};

/// The fields that hold no secret, of all forms. A test compares the list with the forms.
pub const KEPT: [&str; 17] = [
    "access_key_id",
    "alias",
    "cmk_arn",
    "country",
    "encrypted_key",
    "key_type",
    "kind",
    "lifetime",
    "name",
    "operations",
    "per_scope",
    "per_type",
    "reason",
    "region",
    "rotation_days",
    "scopes",
    "slug",
];

/// Maximum size of a draft. A browser keeps a cookie of 4,096 bytes with its name; sealed and encoded, this many bytes fit.
const LARGEST: usize = 2_700;

/// Keeps what was typed into a form whose request only leads to the sign-in, because its session had ended.
pub async fn keep(State(app): State<App>, request: Request, next: Next) -> Response {
    if *request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // The body has arrived, and the limit on its size holds already.
    let Ok(typed) = to_bytes(body, usize::MAX).await else { return super::guard::busy() };
    let response = next.run(Request::from_parts(parts.clone(), Body::from(typed.clone()))).await;
    let Some(first) = response.extensions().get::<SignInFirst>().cloned() else { return response };
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, &app).await else { return response };
    let form = read(&typed);
    let plain = serde_json::to_vec(&form).unwrap_or_default();
    if form.is_empty() || plain.len() > LARGEST {
        return response;
    }
    match app.portal().notes().seal_draft(&visitor.from.devices, parts.uri.path(), &plain) {
        Some(sealed) => {
            let response = SignInFirst { keeps: true, ..first }.into_response();
            with_cookie(response, cookies::set_draft(&app, &sealed))
        }
        None => response,
    }
}

/// Reads the fields of a form that hold no secret. Ticked boxes come one by one under the same name.
fn read(typed: &[u8]) -> Form {
    let mut form = Form::new();
    for (field, value) in url::form_urlencoded::parse(typed) {
        if KEPT.contains(&field.as_ref()) {
            let before = form.value(&field);
            let value = if before.is_empty() { value.into_owned() } else { format!("{before},{value}") };
            form = form.with(&field, value);
        }
    }
    form
}

/// Returns the draft of the form at a path, if the browser has one of this person.
pub fn of(app: &App, headers: &HeaderMap, session: &Session, path: &str) -> Option<Form> {
    let sealed = cookies::draft(app, headers).filter(|_| session.stage == Stage::Full)?;
    let plain = app.portal().notes().open_draft(session, path, &sealed)?;
    serde_json::from_slice(plain.expose()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        let form = read(b"name=Billing&scopes=a%2FDE&scopes=b&password=x&secret_access_key=y&code=1&paste=z");
        assert_eq!(form, Form::new().with("name", "Billing").with("scopes", "a/DE,b"));
    }
}
