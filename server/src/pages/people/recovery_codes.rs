//! "New recovery codes", and the page that shows them once.

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::pages::people::current_password::CurrentPasswordForm;
use crate::web::failure::Failure;
use crate::web::forms::{NoFields, Plain, Typed};
use crate::web::page::{Page, chrome};
use crate::web::redirect::{local_path, see};
use crate::web::visitor::SignedIn;
use app::pages::custody::aws_fields::Checked;
use app::pages::{NewRecoveryCodesPage, RecoveryCodesPage};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::base::address;
use domain::base::form::Form;
use domain::base::words;
use domain::people::command::ReplaceRecoveryCodes;
use engine::Error;
use engine::base::email;
use leptos::prelude::*;
use serde::Deserialize;

impl ChangeForm for ReplaceRecoveryCodes {
    const HEADING: &'static str = "New recovery codes";
    const OVER: Option<&'static str> = Some(address::PROFILE_RECOVERY_CODES);
    type At = Plain;
    type Typed = CurrentPasswordForm;

    fn path(_: &Plain) -> String {
        address::PROFILE_RECOVERY_CODES.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    async fn view(app: &App, who: &SignedIn, _: &Plain, form: Form, _: Checked) -> Result<View, Error> {
        let chrome = chrome(app, who).await?;
        Ok(Box::new(move || view! { <NewRecoveryCodesPage chrome form /> }.into_any()))
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        _: &Plain,
        typed: CurrentPasswordForm,
    ) -> Result<Self, Box<Again>> {
        let planned = app.portal().people().plan_recovery_codes(&who.session, typed.given()?).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedForm {
    #[serde(default)]
    next: String,
}

pub async fn shown_codes(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let codes = match app.portal().people().recovery_codes(&who.session).await {
        Err(Error::NotFound) => return Ok(see(address::PROFILE)),
        codes => codes?,
    };
    let email = email::shown(&who.session.email);
    let page = Page::with_islands(&who.visitor, "Recovery codes");
    Ok(page.show(
        &app,
        move || view! { <RecoveryCodesPage codes email next=address::ENVIRONMENTS.to_owned() /> },
    ))
}

/// Answers with the codes as a text file, while they are shown. They stay until the person says that they are saved.
pub async fn codes_file(
    State(app): State<App>,
    who: SignedIn,
    Typed(_): Typed<NoFields>,
) -> Result<Response, Failure> {
    let codes = match app.portal().people().recovery_codes(&who.session).await {
        Err(Error::NotFound) => return Ok(see(address::PROFILE)),
        codes => codes?,
    };
    let (email, made) = (email::shown(&who.session.email), words::moment(app.portal().now()));
    let (brand, url) = (app.brand(), app.public_url());
    // Every editor of Windows shows these line breaks; no other is troubled by them.
    let text = format!(
        "Recovery codes of {email}\r\n{brand}, {url}\r\nDownloaded {made}\r\n\r\n\
         Each code works once, in place of a verification code.\r\n\r\n{}\r\n",
        codes.join("\r\n")
    );
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"keystead-recovery-codes.txt\""),
    ];
    Ok((headers, text).into_response())
}

pub async fn saved_codes(
    State(app): State<App>,
    who: SignedIn,
    Typed(typed): Typed<SavedForm>,
) -> Result<Response, Failure> {
    app.portal().people().forget_recovery_codes(&who.session).await?;
    Ok(see(&local_path(&typed.next)))
}
