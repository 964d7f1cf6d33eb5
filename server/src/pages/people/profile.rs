//! What administrators do about themselves. Each change is confirmed like every other.

use crate::App;
use crate::pages::changes::review;
use crate::pages::changes::review::{Review, Step};
use crate::pages::{enter, form_status};
use crate::web::failure::{Failure, in_form};
use crate::web::page::{Page, chrome, done};
use crate::web::redirect::see;
use crate::web::visitor::SignedIn;
use app::pages::{ChangePasswordPage, ProfilePage};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::{ChangeId, SessionId};
use domain::people::command::{ChangePassword, EndSessions};
use domain::people::view::SessionRow;
use engine::base::error::PeopleError;
use engine::changes::authority::Sensitive;
use engine::changes::prepare::Prepared;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::Deserialize;

const PASSWORD_FORM: &str = "password form";

pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let (chrome, view) = (chrome(&app, &who).await?, app.portal().people().profile(&who.session).await?);
    Ok(Page::framed(&who, "Profile").show(&app, move || view! { <ProfilePage chrome view /> }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsForm {
    /// Empty: all others.
    #[serde(default)]
    session: String,
}

fn review_sessions(only: Option<&SessionRow>) -> Review {
    let what = match only {
        None => "Every other session of yours is signed out.".to_owned(),
        Some(row) => format!("The session of {} at {} is signed out.", row.agent, row.address),
    };
    Review { has_parameters: false, ..review("Sign out sessions", "Sign out", address::PROFILE, &[&what]) }
}

/// The other session that is meant, as the page lists it.
async fn listed(app: &App, who: &SignedIn, id: SessionId) -> Result<SessionRow, Error> {
    let sessions = app.portal().people().profile(&who.session).await?.sessions;
    sessions.into_iter().find(|row| row.id == id && !row.is_this).ok_or(Error::NotFound)
}

async fn sessions_step(
    app: &App,
    who: &SignedIn,
    id: ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let only = match app.portal().changes().prepared::<EndSessions>(&who.session, id).await {
        Ok(Prepared { command: EndSessions { only: Some(only), .. }, .. }) => {
            Some(listed(app, who, only).await?)
        }
        _ => None,
    };
    second_step::<EndSessions>(app, who, review_sessions(only.as_ref()), id, error).await
}

pub async fn show_sessions(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    match review::named(&who.visitor.query) {
        Some(id) => sessions_step(&app, &who, id, None).await,
        None => Ok(see(address::PROFILE)),
    }
}

pub async fn end_sessions(
    State(app): State<App>,
    who: SignedIn,
    step: Step<SessionsForm>,
) -> Result<Response, Failure> {
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(SessionsForm { session }) => {
            let only = match session.as_str() {
                "" => None,
                id => Some(listed(&app, &who, id.parse().map_err(|_| Failure::bad_form())?).await?.id),
            };
            let id = app
                .portal()
                .changes()
                .prepare(&who.session, &EndSessions { user: who.session.user()?, only })
                .await?;
            return Ok(see(&review::address(address::PROFILE_SESSIONS, id)));
        }
    };
    match app.portal().changes().confirm::<EndSessions>(&who.session, id, &code).await {
        Ok(ask) => {
            let message = match app.portal().people().end_sessions(ask, &who.session).await? {
                0 => "There was no other session.".to_owned(),
                1 => "1 other session is signed out.".to_owned(),
                ended => format!("{ended} other sessions are signed out."),
            };
            Ok(done(&app, &who, address::PROFILE, message).await)
        }
        Err(error) => sessions_step(&app, &who, id, Some(error)).await,
    }
}

/// The words of a change's second step.
pub(super) fn review(heading: &'static str, verb: &'static str, back: &str, effects: &[&str]) -> Review {
    Review {
        report: None,
        policy: None,
        heading,
        about: String::new(),
        crumbs: vec![("Profile".into(), Some(address::PROFILE.into())), (heading.into(), None)],
        has_parameters: true,
        verb,
        back: back.to_owned(),
        effects: effects.iter().map(ToString::to_string).collect(),
        warning: None,
    }
}

fn review_password() -> Review {
    review(
        "Change password",
        "Change password",
        address::PROFILE_PASSWORD,
        &["The new password is needed at the next sign-in.", "Every other session of yours is signed out."],
    )
}

/// The second step of a change of one's own account.
pub(super) async fn second_step<C: Sensitive>(
    app: &App,
    who: &SignedIn,
    review: Review,
    id: ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let first = review.back.clone();
    let review = Review { about: who.session.email.clone(), ..review };
    review::second_step::<C>(app, who, &first, |_| review, id, error).await
}

// ---- Password ---------------------------------------------------------------------------------

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordForm {
    #[serde(default)]
    current_password: SecretText,
    #[serde(default)]
    password: SecretText,
    #[serde(default)]
    password_again: SecretText,
}

async fn password_page(app: &App, who: &SignedIn, form: Form) -> Result<Response, Failure> {
    let kept = app.portal().notes().kept(&who.session, PASSWORD_FORM).await?;
    let form = kept.keys().fold(form, |form, field| form.keeping(field));
    let chrome = chrome(app, who).await?;
    let page = Page::framed(who, "Change password").status(form_status(&form));
    Ok(page.show(app, move || view! { <ChangePasswordPage chrome form /> }))
}

pub async fn show_password(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    match review::named(&who.visitor.query) {
        Some(id) => second_step::<ChangePassword>(&app, &who, review_password(), id, None).await,
        None => {
            // Whoever opens the page begins anew: what was kept belonged to a form that was left.
            app.portal().notes().keep(&who.session, PASSWORD_FORM, &[]).await?;
            password_page(&app, &who, Form::new()).await
        }
    }
}

pub async fn password(
    State(app): State<App>,
    who: SignedIn,
    step: Step<PasswordForm>,
) -> Result<Response, Failure> {
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(typed) => return prepare_password(&app, &who, typed).await,
    };
    match app.portal().changes().confirm::<ChangePassword>(&who.session, id, &code).await {
        Ok(ask) => {
            let new = app.portal().people().change_password(ask, &who.session).await?;
            let message = "The password is changed. Every other session is signed out.";
            app.portal().notes().put_flash(&new.session, message).await;
            Ok(enter(&app, &new, address::PROFILE))
        }
        Err(error) => second_step::<ChangePassword>(&app, &who, review_password(), id, Some(error)).await,
    }
}

/// Checks both passwords and prepares the change. What was good stays kept while the rest is
/// typed anew; what was wrong is not.
async fn prepare_password(app: &App, who: &SignedIn, typed: PasswordForm) -> Result<Response, Failure> {
    let mut kept = app.portal().notes().kept(&who.session, PASSWORD_FORM).await?;
    let mut typed_or_kept = |field: &str, typed: SecretText| match typed.is_empty() {
        true => kept.remove(field).unwrap_or_default(),
        false => typed,
    };
    let current = typed_or_kept("current_password", typed.current_password);
    let password = typed_or_kept("password", typed.password);
    let again = typed_or_kept("password_again", typed.password_again);
    let mut form = Form::new();
    for (field, secret, what) in [
        ("current_password", &current, "Enter your current password."),
        ("password", &password, "Enter a new password."),
    ] {
        if secret.is_empty() {
            form.refuse(field, what);
        }
    }
    if form.is_refused() {
        let typed = [("current_password", &current), ("password", &password), ("password_again", &again)];
        app.portal().notes().keep(&who.session, PASSWORD_FORM, &typed).await?;
        return password_page(app, who, form).await;
    }
    let copies = [&current, &password].map(|secret| SecretText::new(secret.expose()));
    match app.portal().people().plan_password(&who.session, current, password, &again).await {
        Ok(command) => {
            app.portal().notes().keep(&who.session, PASSWORD_FORM, &[]).await?;
            let id = app.portal().changes().prepare(&who.session, &command).await?;
            Ok(see(&review::address(address::PROFILE_PASSWORD, id)))
        }
        Err(error) => {
            let keep: &[(&str, &SecretText)] = match &error {
                Error::People(PeopleError::Password(_)) => &[("current_password", &copies[0])],
                Error::People(PeopleError::WrongCurrentPassword) => {
                    &[("password", &copies[1]), ("password_again", &again)]
                }
                _ => &[],
            };
            app.portal().notes().keep(&who.session, PASSWORD_FORM, keep).await?;
            password_page(app, who, Form::new().refused(&in_form(error)?)).await
        }
    }
}
