//! Replacing what proves who one is: the authenticator and the recovery codes. Both changes begin
//! with the current password; what they have in common is here once.

use crate::App;
use crate::pages::changes::review;
use crate::pages::changes::review::{Review, Step};
use crate::pages::people::profile::{review, second_step};
use crate::pages::{enrolment_view, enter, form_status};
use crate::web::failure::{Failure, Shown, in_form, refused};
use crate::web::forms::{CodeForm, Tried, Typed};
use crate::web::page::{Page, chrome};
use crate::web::redirect::{local_path, see};
use crate::web::visitor::SignedIn;
use app::pages::{
    EnrolPage, EnrolPurpose, NewRecoveryCodesPage, RecoveryCodesPage, ReplaceAuthenticatorPage,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use domain::people::command::{ReplaceAuthenticator, ReplaceRecoveryCodes};
use engine::changes::authority::{Authorised, Sensitive};
use engine::{Error, SecretText, Session};
use leptos::prelude::*;
use serde::Deserialize;

/// What the first step asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrentPasswordForm {
    #[serde(default)]
    current_password: SecretText,
}

/// A change that the current password begins.
#[allow(async_fn_in_trait, reason = "used with the two types below only")]
pub trait Replacement: Sensitive {
    const PATH: &'static str;
    /// Where what it made is seen.
    const THEN: &'static str;

    fn review() -> Review;
    fn view(chrome: Chrome, form: Form) -> AnyView;
    async fn plan(app: &App, session: &Session, current: SecretText) -> Result<Self, Error>;
    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error>;
}

pub async fn show<C: Replacement>(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    if let Some(id) = review::named(&who.visitor.query) {
        return second_step::<C>(&app, &who, C::review(), id, None).await;
    }
    first_step::<C>(&app, &who, (Form::new(), StatusCode::OK)).await
}

async fn first_step<C: Replacement>(
    app: &App,
    who: &SignedIn,
    (form, status): Shown,
) -> Result<Response, Failure> {
    let chrome = chrome(app, who).await?;
    Ok(Page::framed(who, C::review().heading).status(status).show(app, move || C::view(chrome, form)))
}

async fn prepare<C: Replacement>(
    app: &App,
    who: &SignedIn,
    current: SecretText,
) -> Result<Response, Failure> {
    if current.is_empty() {
        let mut form = Form::new();
        form.refuse("current_password", "Enter your current password.");
        return first_step::<C>(app, who, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    }
    match C::plan(app, &who.session, current).await {
        Ok(command) => {
            let id = app.portal().changes().prepare(&who.session, &command).await?;
            Ok(see(&review::address(C::PATH, id)))
        }
        Err(error) => first_step::<C>(app, who, refused(Form::new(), error)?).await,
    }
}

pub async fn submit<C: Replacement>(
    State(app): State<App>,
    who: SignedIn,
    step: Step<CurrentPasswordForm>,
) -> Result<Response, Failure> {
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(typed) => return prepare::<C>(&app, &who, typed.current_password).await,
    };
    match app.portal().changes().confirm::<C>(&who.session, id, &code).await {
        Ok(ask) => {
            C::execute(&app, ask, &who.session).await?;
            Ok(see(C::THEN))
        }
        Err(error) => second_step::<C>(&app, &who, C::review(), id, Some(error)).await,
    }
}

impl Replacement for ReplaceAuthenticator {
    const PATH: &'static str = address::PROFILE_AUTHENTICATOR;
    const THEN: &'static str = address::PROFILE_ENROL;

    fn review() -> Review {
        review(
            "Replace authenticator",
            "Go on",
            Self::PATH,
            &[
                "The next page shows a new QR code for another authenticator app.",
                "The present app works until the new one has proved itself.",
                "Then every other session of yours is signed out.",
            ],
        )
    }

    fn view(chrome: Chrome, form: Form) -> AnyView {
        view! { <ReplaceAuthenticatorPage chrome form /> }.into_any()
    }

    async fn plan(app: &App, session: &Session, current: SecretText) -> Result<Self, Error> {
        app.portal().people().plan_authenticator(session, current).await
    }

    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error> {
        app.portal().people().replace_authenticator(ask, session).await
    }
}

impl Replacement for ReplaceRecoveryCodes {
    const PATH: &'static str = address::PROFILE_RECOVERY_CODES;
    const THEN: &'static str = address::PROFILE_RECOVERY_CODES_SHOW;

    fn review() -> Review {
        review(
            "New recovery codes",
            "Replace codes",
            Self::PATH,
            &["Ten new recovery codes are shown once.", "The codes you have now stop working at once."],
        )
    }

    fn view(chrome: Chrome, form: Form) -> AnyView {
        view! { <NewRecoveryCodesPage chrome form /> }.into_any()
    }

    async fn plan(app: &App, session: &Session, current: SecretText) -> Result<Self, Error> {
        app.portal().people().plan_recovery_codes(session, current).await
    }

    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error> {
        app.portal().people().replace_recovery_codes(ask, session).await
    }
}

async fn enrol_page(app: &App, who: &SignedIn, form: Form) -> Result<Response, Failure> {
    let (email, seed) = match app.portal().people().enrolment(&who.session).await {
        Err(Error::NotFound) => return Ok(see(address::PROFILE_AUTHENTICATOR)),
        enrolment => enrolment?,
    };
    let enrolment = enrolment_view(&email, &seed)?;
    let page = Page::with_islands(&who.visitor, "New authenticator").status(form_status(&form));
    Ok(page.show(app, move || view! { <EnrolPage enrolment form purpose=EnrolPurpose::Replace /> }))
}

pub async fn show_enrol(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    enrol_page(&app, &who, Form::new()).await
}

pub async fn enrol(
    State(app): State<App>,
    who: SignedIn,
    Tried(typed): Tried<CodeForm>,
) -> Result<Response, Failure> {
    match app.portal().people().finish_enrolment(&who.session, &typed.code).await {
        Ok(new) => {
            let message = "Your new authenticator app is set up. The old one no longer works.";
            app.portal().notes().put_flash(&new.session, message).await;
            Ok(enter(&app, &new, address::PROFILE))
        }
        Err(Error::NotFound) => Ok(see(address::PROFILE_AUTHENTICATOR)),
        Err(error) => enrol_page(&app, &who, Form::new().refused(&in_form(error)?)).await,
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
    let page = Page::with_islands(&who.visitor, "Recovery codes");
    Ok(page.show(&app, move || view! { <RecoveryCodesPage codes next=address::ENVIRONMENTS.to_owned() /> }))
}

pub async fn saved_codes(
    State(app): State<App>,
    who: SignedIn,
    Typed(typed): Typed<SavedForm>,
) -> Result<Response, Failure> {
    app.portal().people().forget_recovery_codes(&who.session).await?;
    Ok(see(&local_path(&typed.next)))
}
