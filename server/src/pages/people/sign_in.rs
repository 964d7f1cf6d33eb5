//! Signing in and out.

use crate::App;
use crate::pages::{enter, with_cookie};
use crate::web::cookies;
use crate::web::failure::{Failure, refused};
use crate::web::forms::{NoFields, Tried, Typed};
use crate::web::page::Page;
use crate::web::redirect::{local_path, query_value, see};
use crate::web::visitor::Visitor;
use app::pages::{CodePage, RecoveryPage, SignInPage};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::typed::trimmed;
use domain::people::EMAIL_LONGEST;
use engine::base::email;
use engine::{SecretText, SetupState, Stage};
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: SecretText,
    #[serde(default)]
    next: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInCodeForm {
    #[serde(default)]
    code: SecretText,
    #[serde(default)]
    next: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryForm {
    #[serde(default)]
    recovery_code: SecretText,
    #[serde(default)]
    next: String,
}

/// Returns the path to which the query leads on.
fn wanted(visitor: &Visitor) -> String {
    local_path(&query_value(&visitor.query, "next").unwrap_or_default())
}

/// Returns the part of a typed e-mail address that a form shows again.
pub(super) fn shown_email(typed: &str) -> String {
    trimmed(typed).chars().take(EMAIL_LONGEST).collect()
}

async fn password_page(
    app: &App,
    visitor: &Visitor,
    form: Form,
    next: String,
    status: StatusCode,
) -> Response {
    // The query chooses a fixed sentence, so a link cannot put a text of its own on this page.
    let notice = match query_value(&visitor.query, "notice").as_deref() {
        Some("signed-out") => Some("You are signed out."),
        Some("ended") => Some("Your session has ended. Sign in to continue."),
        Some("kept") => Some(
            "Your session has ended. Sign in to continue. Keystead then restores the form, without its secrets.",
        ),
        _ => None,
    };
    let notice = notice.map(str::to_owned);
    let page = Page::plain(visitor, "Sign in").status(status);
    page.show(app, move || view! { <SignInPage form next notice /> })
}

pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    if app.portal().people().setup_state().await? != SetupState::Done {
        return Ok(see(address::SETUP));
    }
    let next = wanted(&visitor);
    if visitor.at(Stage::Full).is_some() {
        return Ok(see(&next));
    }
    Ok(password_page(&app, &visitor, Form::new(), next, StatusCode::OK).await)
}

pub async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    Typed(typed): Typed<PasswordForm>,
) -> Result<Response, Failure> {
    let next = local_path(&typed.next);
    // Somebody has signed in with this browser meanwhile, in another tab.
    if let Some(session) = visitor.at(Stage::Full) {
        if session.is_of(&typed.email) {
            return Ok(see(&next));
        }
        let mut form = Form::new().with("email", shown_email(&typed.email));
        form.error = Some(format!(
            "You are signed in as {} in this browser. Sign out there first, then sign in as somebody else.",
            email::shown(&session.email)
        ));
        return Ok(password_page(&app, &visitor, form, next, StatusCode::CONFLICT).await);
    }
    // Of an earlier stage: a new sign-in ends the one that the browser had begun.
    let replaces = visitor.session.as_ref();
    match app
        .portal()
        .people()
        .check_password(&typed.email, typed.password, visitor.from.clone(), replaces)
        .await
    {
        Ok(new) => Ok(enter(&app, &new, &address::with_next(address::SIGN_IN_CODE, &next))),
        Err(error) => {
            let (form, status) = refused(Form::new().with("email", shown_email(&typed.email)), error)?;
            Ok(password_page(&app, &visitor, form, next, status).await)
        }
    }
}

async fn code_page(app: &App, visitor: &Visitor, form: Form, next: String, status: StatusCode) -> Response {
    let page = Page::with_islands(visitor, "Sign in").status(status);
    page.show(app, move || view! { <CodePage form next /> })
}

pub async fn show_code(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    let next = wanted(&visitor);
    match visitor.at(Stage::Password) {
        Some(_) => Ok(code_page(&app, &visitor, Form::new(), next, StatusCode::OK).await),
        None => Ok(see(&address::with_next(address::SIGN_IN, &next))),
    }
}

pub async fn submit_code(
    State(app): State<App>,
    visitor: Visitor,
    Tried(typed): Tried<SignInCodeForm>,
) -> Result<Response, Failure> {
    let next = local_path(&typed.next);
    let Some(session) = visitor.at(Stage::Password) else {
        return Ok(see(&address::with_next(address::SIGN_IN, &next)));
    };
    match app.portal().people().check_sign_in_code(session, &typed.code).await {
        Ok(new) => Ok(enter(&app, &new, &next)),
        Err(error) => {
            let (form, status) = refused(Form::new(), error)?;
            Ok(code_page(&app, &visitor, form, next, status).await)
        }
    }
}

async fn recovery_page(
    app: &App,
    visitor: &Visitor,
    form: Form,
    next: String,
    status: StatusCode,
) -> Response {
    let page = Page::plain(visitor, "Sign in").status(status);
    page.show(app, move || view! { <RecoveryPage form next /> })
}

pub async fn show_recovery(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    let next = wanted(&visitor);
    match visitor.at(Stage::Password) {
        Some(_) => Ok(recovery_page(&app, &visitor, Form::new(), next, StatusCode::OK).await),
        None => Ok(see(&address::with_next(address::SIGN_IN, &next))),
    }
}

pub async fn submit_recovery(
    State(app): State<App>,
    visitor: Visitor,
    Tried(typed): Tried<RecoveryForm>,
) -> Result<Response, Failure> {
    let next = local_path(&typed.next);
    let Some(session) = visitor.at(Stage::Password) else {
        return Ok(see(&address::with_next(address::SIGN_IN, &next)));
    };
    match app.portal().people().check_recovery_code(session, &typed.recovery_code).await {
        Ok(new) => Ok(enter(&app, &new, address::SIGN_IN_AUTHENTICATOR)),
        Err(error) => {
            let (form, status) = refused(Form::new(), error)?;
            Ok(recovery_page(&app, &visitor, form, next, status).await)
        }
    }
}

/// Ends the session, whatever stage it has reached, and clears the browser's storage.
pub async fn sign_out(
    State(app): State<App>,
    visitor: Visitor,
    Typed(NoFields {}): Typed<NoFields>,
) -> Result<Response, Failure> {
    if let Some(session) = &visitor.session {
        app.portal().people().sign_out(session).await?;
    }
    let mut response =
        with_cookie(see(&format!("{}?notice=signed-out", address::SIGN_IN)), cookies::no_session(&app));
    // Not "cookies": that would also remove the theme, and the cookies of the domain's other hosts. Not "cache": no page is in it,
    // and a browser takes seconds to look through a large one.
    let clear = HeaderValue::from_static("\"storage\"");
    response.headers_mut().insert("clear-site-data", clear);
    Ok(response)
}
