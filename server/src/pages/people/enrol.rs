//! Setting up an authenticator app, on one page: for the first administrator, after a recovery code, and as a replacement.

use crate::App;
use crate::pages::people::setup::must_be_open;
use crate::pages::{enrolment_view, enter, form_status};
use crate::web::failure::{Failure, in_form};
use crate::web::forms::{CodeForm, Tried};
use crate::web::page::Page;
use crate::web::redirect::see;
use crate::web::visitor::{SignedIn, Visitor};
use app::pages::{EnrolPage, EnrolPurpose};
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use engine::{Error, Session, Stage};
use leptos::prelude::*;

/// The purpose for which an app is set up, and the pages around it.
struct Enrolment {
    purpose: EnrolPurpose,
    title: &'static str,
    /// The page that leads here.
    begins_at: &'static str,
    /// The page after it, and its status message.
    then: &'static str,
    message: Option<&'static str>,
}

const REPLACED: Option<&str> =
    Some("Your new authenticator is set up. The old one no longer works: delete its entry in your app.");

const SETUP: Enrolment = Enrolment {
    purpose: EnrolPurpose::Setup,
    title: "Set up Keystead",
    begins_at: address::SETUP,
    then: address::PROFILE_RECOVERY_CODES_SHOW,
    message: None,
};

const RECOVERY: Enrolment = Enrolment {
    purpose: EnrolPurpose::Recovery,
    title: "New authenticator",
    begins_at: address::SIGN_IN,
    then: address::PROFILE,
    message: REPLACED,
};

const REPLACEMENT: Enrolment = Enrolment {
    purpose: EnrolPurpose::Replace,
    title: "New authenticator",
    begins_at: address::PROFILE_AUTHENTICATOR,
    then: address::PROFILE,
    message: REPLACED,
};

async fn page(
    of: &Enrolment,
    app: &App,
    visitor: &Visitor,
    session: &Session,
    form: Form,
) -> Result<Response, Failure> {
    let people = app.portal().people();
    let waiting = match of.purpose {
        EnrolPurpose::Setup => people.chosen_account(session).await,
        EnrolPurpose::Recovery | EnrolPurpose::Replace => people.enrolment(session).await,
    };
    let enrolment = match waiting {
        Err(Error::NotFound) => return Ok(see(of.begins_at)),
        waiting => waiting?,
    };
    let (enrolment, purpose) = (enrolment_view(app.issuer(), &enrolment)?, of.purpose);
    let page = Page::with_islands(visitor, of.title).status(form_status(&form));
    Ok(page.show(app, move || view! { <EnrolPage enrolment form purpose /> }))
}

async fn submit(
    of: &Enrolment,
    app: &App,
    visitor: &Visitor,
    session: &Session,
    Tried(typed): Tried<CodeForm>,
) -> Result<Response, Failure> {
    let people = app.portal().people();
    let finished = match of.purpose {
        EnrolPurpose::Setup => people.finish_setup(session, &typed.code).await,
        EnrolPurpose::Recovery | EnrolPurpose::Replace => people.finish_enrolment(session, &typed.code).await,
    };
    match finished {
        Ok(new) => {
            if let Some(message) = of.message {
                app.portal().notes().put_flash(&new.session, of.then, message).await;
            }
            Ok(enter(app, &new, of.then))
        }
        Err(Error::NotFound) => Ok(see(of.begins_at)),
        Err(error) => page(of, app, visitor, session, Form::new().refused(&in_form(error)?)).await,
    }
}

pub async fn show_setup(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    must_be_open(&app).await?;
    match visitor.at(Stage::Setup) {
        Some(session) => page(&SETUP, &app, &visitor, session, Form::new()).await,
        None => Ok(see(SETUP.begins_at)),
    }
}

pub async fn submit_setup(
    State(app): State<App>,
    visitor: Visitor,
    typed: Tried<CodeForm>,
) -> Result<Response, Failure> {
    must_be_open(&app).await?;
    match visitor.at(Stage::Setup) {
        Some(session) => submit(&SETUP, &app, &visitor, session, typed).await,
        None => Ok(see(SETUP.begins_at)),
    }
}

pub async fn show_recovery(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    match visitor.at(Stage::Enrolment) {
        Some(session) => page(&RECOVERY, &app, &visitor, session, Form::new()).await,
        None => Ok(see(RECOVERY.begins_at)),
    }
}

pub async fn submit_recovery(
    State(app): State<App>,
    visitor: Visitor,
    typed: Tried<CodeForm>,
) -> Result<Response, Failure> {
    match visitor.at(Stage::Enrolment) {
        Some(session) => submit(&RECOVERY, &app, &visitor, session, typed).await,
        None => Ok(see(RECOVERY.begins_at)),
    }
}

pub async fn show_replacement(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    page(&REPLACEMENT, &app, &who.visitor, &who.session, Form::new()).await
}

pub async fn submit_replacement(
    State(app): State<App>,
    who: SignedIn,
    typed: Tried<CodeForm>,
) -> Result<Response, Failure> {
    submit(&REPLACEMENT, &app, &who.visitor, &who.session, typed).await
}
