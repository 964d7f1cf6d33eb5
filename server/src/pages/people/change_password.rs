//! "Change password".

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::Plain;
use crate::web::page::chrome;
use crate::web::visitor::SignedIn;
use app::pages::ChangePasswordPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::people::command::ChangePassword;
use engine::base::error::PeopleError;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::Deserialize;

const PASSWORD_FORM: &str = "password form";

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
            // An empty field is refused before the engine counts an attempt.
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
}
