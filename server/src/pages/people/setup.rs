//! First run: token, account, authenticator.

use crate::App;
use crate::pages::form_status;
use crate::pages::people::sign_in::shown_email;
use crate::web::failure::{Failure, in_form};
use crate::web::forms::Typed;
use crate::web::page::Page;
use crate::web::redirect::see;
use crate::web::visitor::Visitor;
use app::pages::{SetupExpiredPage, SetupPage};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use engine::base::error::PeopleError;
use engine::{Error, NewSession, SecretText, Session, SetupState, Stage};
use leptos::prelude::*;
use serde::Deserialize;

const FORM: &str = "setup form";
const SECRETS: [&str; 3] = ["token", "password", "password_again"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupForm {
    #[serde(default)]
    token: SecretText,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: SecretText,
    #[serde(default)]
    password_again: SecretText,
}

/// Checks that there is no administrator yet: the page exists only until then.
pub(super) async fn must_be_open(app: &App) -> Result<SetupState, Failure> {
    match app.portal().people().setup_state().await? {
        SetupState::Done => Err(Failure::not_found()),
        state => Ok(state),
    }
}

async fn form_page(app: &App, visitor: &Visitor, form: Form) -> Response {
    let page = Page::plain(visitor, "Set up Keystead").status(form_status(&form));
    page.show(app, move || view! { <SetupPage form=form.clone() /> })
}

pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    let state = must_be_open(&app).await?;
    match visitor.at(Stage::Setup) {
        Some(session) => {
            let form = keeping(&app, session, Form::new().keeping("token")).await?;
            Ok(form_page(&app, &visitor, form).await)
        }
        None if state == SetupState::Expired => {
            Ok(Page::plain(&visitor, "Set up Keystead").show(&app, || view! { <SetupExpiredPage /> }))
        }
        None => Ok(form_page(&app, &visitor, Form::new()).await),
    }
}

/// Marks the secret fields whose values are kept.
async fn keeping(app: &App, session: &Session, form: Form) -> Result<Form, Failure> {
    let kept = app.portal().notes().kept(session, FORM).await?;
    Ok(SECRETS
        .iter()
        .filter(|field| kept.contains_key(**field))
        .fold(form, |form, field| form.keeping(field)))
}

/// Returns the session of the setup: the present one, or a new one for the right token.
async fn enter_setup(
    app: &App,
    visitor: &Visitor,
    token: &SecretText,
) -> Result<(Session, Option<NewSession>), Error> {
    match visitor.at(Stage::Setup) {
        Some(session) => Ok((session.clone(), None)),
        None => {
            let new = app.portal().people().enter_setup(token, visitor.from.clone()).await?;
            Ok((new.session.clone(), Some(new)))
        }
    }
}

pub async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    Typed(typed): Typed<SetupForm>,
) -> Result<Response, Failure> {
    must_be_open(&app).await?;
    let form = Form::new().with("email", shown_email(&typed.email));
    let (session, new) = match enter_setup(&app, &visitor, &typed.token).await {
        Ok(entered) => entered,
        Err(error) => return Ok(form_page(&app, &visitor, form.refused(&in_form(error)?)).await),
    };
    let response = match choose(&app, &session, typed).await {
        Ok(()) => see(address::SETUP_AUTHENTICATOR),
        Err(error) => {
            let form = keeping(&app, &session, form.keeping("token").refused(&in_form(error)?)).await?;
            form_page(&app, &visitor, form).await
        }
    };
    // Also beside a refusal: the new session keeps the secrets, and the token is not needed again.
    Ok(match new {
        Some(new) => {
            crate::pages::with_cookie(response, crate::web::cookies::session(&app, &new.token).to_string())
        }
        None => response,
    })
}

/// Stores the account; an empty secret field means the secret that was kept.
async fn choose(app: &App, session: &Session, typed: SetupForm) -> Result<(), Error> {
    let mut kept = app.portal().notes().kept(session, FORM).await?;
    let mut typed_or_kept = |field: &str, typed: SecretText| match typed.is_empty() {
        true => kept.remove(field).unwrap_or_default(),
        false => typed,
    };
    let password = typed_or_kept("password", typed.password);
    let again = typed_or_kept("password_again", typed.password_again);
    let copy = SecretText::new(password.expose());
    let chosen = app.portal().people().choose_account(session, &typed.email, password, &again).await;
    match &chosen {
        // A wrong password gets its error beside it: only a valid one is worth keeping.
        Err(Error::People(PeopleError::NotAnEmail)) => {
            app.portal()
                .notes()
                .keep(session, FORM, &[("password", &copy), ("password_again", &again)])
                .await?;
        }
        _ => app.portal().notes().keep(session, FORM, &[]).await?,
    }
    chosen
}
