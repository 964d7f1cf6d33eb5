//! Changes that administrators make to their own account, each confirmed like every other change.

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::failure::Failure;
use crate::web::forms::Plain;
use crate::web::page::{Page, chrome};
use crate::web::visitor::SignedIn;
use app::pages::custody::aws_fields::Checked;
use app::pages::{ChangePasswordPage, ProfilePage};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::SessionId;
use domain::people::command::{ChangePassword, EndSessions};
use engine::base::error::PeopleError;
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
    #[serde(default)]
    session: Which,
}

/// One session, or all others if the text is empty.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Which(Option<SessionId>);

impl TryFrom<String> for Which {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "" => Ok(Self(None)),
            id => id.parse().map(|id| Self(Some(id))).map_err(|_| "not a session"),
        }
    }
}

impl ChangeForm for EndSessions {
    const HEADING: &'static str = "Sign out sessions";
    const OVER: Option<&'static str> = Some(address::PROFILE);
    const BEGINS_AT: Option<&'static str> = Some(address::PROFILE);
    type At = Plain;
    type Typed = SessionsForm;

    fn path(_: &Plain) -> String {
        address::PROFILE_SESSIONS.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    async fn form(_: &App, _: &SignedIn, _: &Plain) -> Result<Form, Error> {
        Ok(Form::new())
    }

    async fn view(_: &App, _: &SignedIn, _: &Plain, _: Form, _: Checked) -> Result<View, Error> {
        Err(Error::NotFound)
    }

    async fn plan(app: &App, who: &SignedIn, _: &Plain, typed: SessionsForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().people().plan_end_sessions(&who.session, typed.session.0).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }

    fn filled(&self) -> Form {
        Form::new()
    }
}

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

/// Keeps exactly these secrets for the form.
async fn keep(app: &App, who: &SignedIn, secrets: &[(&str, &SecretText)]) -> Result<(), Error> {
    app.portal().notes().keep(&who.session, PASSWORD_FORM, secrets).await
}

impl ChangeForm for ChangePassword {
    const HEADING: &'static str = "Change password";
    const OVER: Option<&'static str> = Some(address::PROFILE_PASSWORD);
    type At = Plain;
    type Typed = PasswordForm;

    fn path(_: &Plain) -> String {
        address::PROFILE_PASSWORD.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    /// Forgets the kept secrets: opening the page begins a new form, and they belong to a form that was left.
    async fn form(app: &App, who: &SignedIn, _: &Plain) -> Result<Form, Error> {
        keep(app, who, &[]).await?;
        Ok(Form::new())
    }

    async fn view(app: &App, who: &SignedIn, _: &Plain, form: Form, _: Checked) -> Result<View, Error> {
        let kept = app.portal().notes().kept(&who.session, PASSWORD_FORM).await?;
        let form = kept.keys().fold(form, |form, field| form.keeping(field));
        let chrome = chrome(app, who).await?;
        Ok(Box::new(move || view! { <ChangePasswordPage chrome form /> }.into_any()))
    }

    /// Checks both passwords. A valid one stays kept while the other is typed again; a wrong one is not kept.
    async fn plan(app: &App, who: &SignedIn, _: &Plain, typed: PasswordForm) -> Result<Self, Box<Again>> {
        let mut form = Form::new();
        let planned = async {
            let mut kept = app.portal().notes().kept(&who.session, PASSWORD_FORM).await?;
            let mut typed_or_kept = |field: &str, typed: SecretText| match typed.is_empty() {
                true => kept.remove(field).unwrap_or_default(),
                false => typed,
            };
            let current = typed_or_kept("current_password", typed.current_password);
            let password = typed_or_kept("password", typed.password);
            let again = typed_or_kept("password_again", typed.password_again);
            for (field, secret, what) in [
                ("current_password", &current, "Enter your current password."),
                ("password", &password, "Enter a new password."),
            ] {
                if secret.is_empty() {
                    form.refuse(field, what);
                }
            }
            if form.is_refused() {
                let typed =
                    [("current_password", &current), ("password", &password), ("password_again", &again)];
                keep(app, who, &typed).await?;
                return Ok(None);
            }
            let copies = [&current, &password].map(|secret| SecretText::new(secret.expose()));
            let planned = app.portal().people().plan_password(&who.session, current, password, &again).await;
            match &planned {
                Err(Error::People(PeopleError::Password(_))) => {
                    keep(app, who, &[("current_password", &copies[0])]).await?;
                }
                Err(Error::People(PeopleError::WrongCurrentPassword)) => {
                    keep(app, who, &[("password", &copies[1]), ("password_again", &again)]).await?;
                }
                _ => keep(app, who, &[]).await?,
            }
            planned.map(Some)
        };
        match planned.await {
            Ok(Some(command)) => Ok(command),
            Ok(None) => Err(Again::form(form)),
            Err(error) => Err(Again::because(Form::new(), error)),
        }
    }

    fn filled(&self) -> Form {
        Form::new()
    }
}
