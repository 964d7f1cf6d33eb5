//! Replacing what proves who one is: the authenticator and the recovery codes. Both changes have no
//! parameters; what they have in common is here once.

use super::changes::{self, Review, Step};
use super::profile::{review, second_step};
use super::{enrolment_view, enter, form_status};
use crate::App;
use crate::web::failure::{Failure, in_form};
use crate::web::forms::{CodeForm, NoFields, Tried, Typed};
use crate::web::page::{Page, chrome, local_path, see};
use crate::web::visitor::SignedIn;
use app::pages::{
    EnrolPage, EnrolPurpose, NewRecoveryCodesPage, RecoveryCodesPage, ReplaceAuthenticatorPage,
};
use axum::extract::State;
use axum::response::Response;
use domain::command::{ReplaceAuthenticator, ReplaceRecoveryCodes};
use domain::form::Form;
use domain::id::UserId;
use domain::view::Chrome;
use engine::authority::{Authorised, Sensitive};
use engine::{Error, Session};
use leptos::prelude::*;
use serde::Deserialize;

/// A change without parameters.
#[allow(async_fn_in_trait, reason = "used with the two types below only")]
pub trait Replacement: Sensitive {
    const PATH: &'static str;
    /// Where what it made is seen.
    const THEN: &'static str;

    fn of(user: UserId) -> Self;
    fn review() -> Review;
    fn view(chrome: Chrome) -> AnyView;
    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error>;
}

pub async fn show<C: Replacement>(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    if let Some(id) = changes::named(&who.visitor.query) {
        return second_step::<C>(&app, &who, C::review(), id, None).await;
    }
    let chrome = chrome(&app, &who).await?;
    Ok(Page::framed(&who, C::review().heading).show(&app, move || C::view(chrome)))
}

pub async fn submit<C: Replacement>(
    State(app): State<App>,
    who: SignedIn,
    step: Step<NoFields>,
) -> Result<Response, Failure> {
    let (id, code) = match step {
        Step::Confirm(id, code) => (id, code),
        Step::Prepare(NoFields {}) => {
            let id = app.portal().prepare(&who.session, &C::of(who.session.user()?)).await?;
            return Ok(see(&changes::address(C::PATH, id)));
        }
    };
    match app.portal().confirm::<C>(&who.session, id, &code).await {
        Ok(ask) => {
            C::execute(&app, ask, &who.session).await?;
            Ok(see(C::THEN))
        }
        Err(error) => second_step::<C>(&app, &who, C::review(), id, Some(error)).await,
    }
}

impl Replacement for ReplaceAuthenticator {
    const PATH: &'static str = "/profile/authenticator";
    const THEN: &'static str = "/profile/authenticator/enrol";

    fn of(user: UserId) -> Self {
        Self { user }
    }

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

    fn view(chrome: Chrome) -> AnyView {
        view! { <ReplaceAuthenticatorPage chrome form=Form::new() /> }.into_any()
    }

    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error> {
        app.portal().replace_authenticator(ask, session).await
    }
}

impl Replacement for ReplaceRecoveryCodes {
    const PATH: &'static str = "/profile/recovery-codes";
    const THEN: &'static str = "/profile/recovery-codes/show";

    fn of(user: UserId) -> Self {
        Self { user }
    }

    fn review() -> Review {
        review(
            "New recovery codes",
            "Replace codes",
            Self::PATH,
            &["Ten new recovery codes are shown once.", "The codes you have now stop working at once."],
        )
    }

    fn view(chrome: Chrome) -> AnyView {
        view! { <NewRecoveryCodesPage chrome form=Form::new() /> }.into_any()
    }

    async fn execute(app: &App, ask: Authorised<Self>, session: &Session) -> Result<(), Error> {
        app.portal().replace_recovery_codes(ask, session).await
    }
}

async fn enrol_page(app: &App, who: &SignedIn, form: Form) -> Result<Response, Failure> {
    let (email, seed) = match app.portal().enrolment(&who.session).await {
        Err(Error::NotFound) => return Ok(see("/profile/authenticator")),
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
    match app.portal().finish_enrolment(&who.session, &typed.code).await {
        Ok(new) => {
            let message = "Your new authenticator app is set up. The old one no longer works.";
            app.portal().put_flash(&new.session, message).await;
            Ok(enter(&app, &new, "/profile"))
        }
        Err(Error::NotFound) => Ok(see("/profile/authenticator")),
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
    let codes = match app.portal().recovery_codes(&who.session).await {
        Err(Error::NotFound) => return Ok(see("/profile")),
        codes => codes?,
    };
    let page = Page::with_islands(&who.visitor, "Recovery codes");
    Ok(page.show(&app, move || view! { <RecoveryCodesPage codes next="/environments".to_owned() /> }))
}

pub async fn saved_codes(
    State(app): State<App>,
    who: SignedIn,
    Typed(typed): Typed<SavedForm>,
) -> Result<Response, Failure> {
    app.portal().forget_recovery_codes(&who.session).await?;
    Ok(see(&local_path(&typed.next)))
}
