//! Every change has two steps at one address: "Next" prepares it, the code confirms it. This module has the code that all
//! changes share; [`ChangeForm`] has the differences between their first steps; the engine describes and executes the changes.

use crate::App;
use crate::pages::changes::step;
use crate::pages::changes::step::Step;
use crate::pages::{enter, form_status};
use crate::web::failure::{Failure, refused};
use crate::web::page::{Page, chrome, done};
use crate::web::redirect::{query_value, see};
use crate::web::visitor::SignedIn;
use app::pages::ConfirmPage;
use app::pages::custody::aws_fields::Checked;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::ChangeId;
use domain::changes::view::Seen;
use engine::base::error::ChangesError;
use engine::changes::change::{Change, Outcome};
use engine::{Error, SecretText, Waiting};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

/// The first step of a change.
#[allow(async_fn_in_trait, reason = "used with the types of this crate only")]
pub trait ChangeForm: Change {
    const HEADING: &'static str;
    /// Page to which an expired or already confirmed change leads, with a message; `None`: back to its form.
    const OVER: Option<&'static str> = None;
    /// The page whose button begins the change, where it has no form of its own.
    const BEGINS_AT: Option<&'static str> = None;
    /// The object that the address names.
    type At: FromRequestParts<App, Rejection = Failure> + Send + Sync;
    /// The fields of the first step.
    type Typed: DeserializeOwned + Send;

    fn path(at: &Self::At) -> String;
    /// Checks whether it was prepared at this address.
    fn is_at(&self, at: &Self::At) -> bool;
    /// Returns the form with which the first step begins.
    async fn form(_: &App, _: &SignedIn, _: &Self::At) -> Result<Form, Error> {
        Ok(Form::new())
    }
    /// Returns the page of the first step. A change that begins on another page has none.
    async fn view(_: &App, _: &SignedIn, _: &Self::At, _: Form, _: Checked) -> Result<View, Error> {
        Err(Error::NotFound)
    }
    /// Makes a command of the form.
    async fn plan(app: &App, who: &SignedIn, at: &Self::At, typed: Self::Typed) -> Result<Self, Box<Again>>;
    /// Executes a command that needs no code. `None`: it needs one.
    async fn at_once(&self, _: &App, _: &SignedIn) -> Result<Option<Outcome>, Error> {
        Ok(None)
    }
    /// Returns the form of the first step as it was filled in.
    fn filled(&self) -> Form {
        Form::new()
    }
    /// Forgets the secrets kept for the form, once the change is done.
    async fn forget(_: &App, _: &SignedIn) -> Result<(), Error> {
        Ok(())
    }
}

/// A page that is rendered once.
pub type View = Box<dyn FnOnce() -> AnyView + Send>;

/// The first step to be shown again: its form, and the reason.
#[derive(Default)]
pub struct Again {
    pub form: Form,
    pub error: Option<Error>,
    pub checked: Checked,
}

impl Again {
    /// Returns the first step with the errors that are in the form already, or with none.
    pub fn form(form: Form) -> Box<Self> {
        Box::new(Self { form, ..Self::default() })
    }

    pub fn because(form: Form, error: Error) -> Box<Self> {
        Box::new(Self { form, error: Some(error), ..Self::default() })
    }
}

async fn first_step<C: ChangeForm>(
    app: &App,
    who: &SignedIn,
    at: &C::At,
    again: Again,
) -> Result<Response, Failure> {
    let Again { form, error, checked } = again;
    let (form, status) = match error {
        Some(error) => refused(form, error)?,
        None => {
            let status = form_status(&form);
            (form, status)
        }
    };
    if let Some(page) = C::BEGINS_AT {
        return Ok(match form.error {
            Some(message) => done(app, who, page, message).await,
            None => see(page),
        });
    }
    let view = C::view(app, who, at, form, checked).await?;
    Ok(Page::framed(who, C::HEADING).status(status).show(app, view))
}

pub async fn show<C: ChangeForm>(
    State(app): State<App>,
    who: SignedIn,
    at: C::At,
) -> Result<Response, Failure> {
    if let Some(id) = step::named(&who.visitor.query) {
        return match waiting::<C>(&app, &who, &at, id).await {
            Ok(waiting) => second_step::<C>(&app, &who, &at, id, &waiting, None).await,
            Err(error) => over::<C>(&app, &who, &at, error).await,
        };
    }
    if C::BEGINS_AT.is_some() {
        return first_step::<C>(&app, &who, &at, Again::default()).await;
    }
    // After "Back", the form is filled in as before.
    let before = query_value(&who.visitor.query, "back").and_then(|id| id.parse().ok());
    let before = match before {
        Some(id) => waiting::<C>(&app, &who, &at, id).await.ok(),
        None => None,
    };
    let form = match before.as_ref().and_then(Waiting::command::<C>) {
        Some(command) => command.filled(),
        None => C::form(&app, &who, &at).await?,
    };
    first_step::<C>(&app, &who, &at, *Again::form(form)).await
}

pub async fn submit<C: ChangeForm>(
    State(app): State<App>,
    who: SignedIn,
    at: C::At,
    step: Step<C::Typed>,
) -> Result<Response, Failure> {
    match step {
        Step::Confirm(id, code) => confirm::<C>(&app, &who, &at, id, &code).await,
        Step::Prepare(typed) => match C::plan(&app, &who, &at, typed).await {
            Ok(command) => match command.at_once(&app, &who).await {
                Ok(Some(outcome)) => Ok(shown(&app, &who, outcome).await),
                Ok(None) => {
                    let id = app.portal().changes().prepare(&who.session, &command).await?;
                    Ok(see(&step::address(&C::path(&at), id)))
                }
                Err(error) => {
                    first_step::<C>(&app, &who, &at, *Again::because(command.filled(), error)).await
                }
            },
            Err(again) => first_step::<C>(&app, &who, &at, *again).await,
        },
    }
}

/// Returns the change if it is of this kind and belongs to the object that the address names.
async fn waiting<C: ChangeForm>(
    app: &App,
    who: &SignedIn,
    at: &C::At,
    id: ChangeId,
) -> Result<Waiting, Error> {
    let waiting = app.portal().waiting(&who.session, id).await?;
    // Otherwise a person could confirm a change on the page of another object.
    match waiting.command::<C>() {
        Some(command) if command.is_at(at) => Ok(waiting),
        _ => Err(Error::Changes(ChangesError::ChangeGone)),
    }
}

/// Leads from a change that is over back to where it began.
async fn over<C: ChangeForm>(
    app: &App,
    who: &SignedIn,
    at: &C::At,
    error: Error,
) -> Result<Response, Failure> {
    match (error, C::OVER) {
        (Error::Changes(ChangesError::ChangeGone), Some(page)) => {
            let message = "This change has expired or was already confirmed. Start again.";
            Ok(done(app, who, page, message).await)
        }
        (gone @ Error::Changes(ChangesError::ChangeGone), None) => {
            let form = C::form(app, who, at).await?;
            first_step::<C>(app, who, at, *Again::because(form, gone)).await
        }
        (error, _) => Err(error.into()),
    }
}

/// Shows what will happen; after a refused code, shows it again with the error beside the field.
async fn second_step<C: ChangeForm>(
    app: &App,
    who: &SignedIn,
    at: &C::At,
    id: ChangeId,
    waiting: &Waiting,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let preview = app.portal().describe(waiting).await?;
    let (form, status) = match error {
        Some(error) => refused(Form::new(), error)?,
        None => (Form::new(), StatusCode::OK),
    };
    let (chrome, expires_at) = (chrome(app, who).await?, waiting.expires_at());
    let has_parameters = C::BEGINS_AT.is_none();
    let is_filled = waiting.command::<C>().is_some_and(|command| !command.filled().is_empty());
    let back = match C::BEGINS_AT {
        Some(page) => page.to_owned(),
        None if is_filled => format!("{}?back={id}", C::path(at)),
        None => C::path(at),
    };
    let page = Page::framed(who, preview.heading).status(status);
    Ok(page.show(app, move || view! { <ConfirmPage chrome preview expires_at has_parameters back form /> }))
}

/// Checks the code and executes the change that was shown, once.
async fn confirm<C: ChangeForm>(
    app: &App,
    who: &SignedIn,
    at: &C::At,
    id: ChangeId,
    code: &SecretText,
) -> Result<Response, Failure> {
    // Opened before the code is compared: a change that is over counts no attempt and spends no code.
    let waiting = match waiting::<C>(app, who, at, id).await {
        Ok(waiting) => waiting,
        Err(error) => return over::<C>(app, who, at, error).await,
    };
    let confirmed = match app.portal().confirm(&who.session, &waiting, code).await {
        Ok(confirmed) => confirmed,
        Err(gone @ Error::Changes(ChangesError::ChangeGone)) => return over::<C>(app, who, at, gone).await,
        Err(error) => return second_step::<C>(app, who, at, id, &waiting, Some(error)).await,
    };
    match app.portal().execute(&who.session, confirmed).await {
        Ok(outcome) => {
            // The change is done, even if this fails.
            if let Err(error) = C::forget(app, who).await {
                tracing::warn!(%error, "secrets kept for a form could not be deleted; they expire on their own");
            }
            Ok(shown(app, who, outcome).await)
        }
        Err(error) => {
            // The change is spent, so the person has to prepare it again.
            let form = waiting.command::<C>().map(C::filled).unwrap_or_default();
            first_step::<C>(app, who, at, *Again::because(form, error)).await
        }
    }
}

/// Redirects to the page that shows the result, with the status message.
async fn shown(app: &App, who: &SignedIn, outcome: Outcome) -> Response {
    let Outcome { seen, message, session } = outcome;
    let path = address_of(&seen);
    // A message in a session that has been replaced would never be shown.
    let of = session.as_ref().map_or(&who.session, |new| &new.session);
    if let Some(message) = message {
        app.portal().notes().put_flash(of, &path, &message).await;
    }
    match &session {
        Some(new) => enter(app, new, &path),
        None => see(&path),
    }
}

fn address_of(seen: &Seen) -> String {
    match seen {
        Seen::Keys { scope, new: Some(number) } => format!("{}?new={number}", address::keys(scope)),
        Seen::Keys { scope, new: None } => address::keys(scope),
        Seen::Version { scope, number } => address::version(scope, *number),
        Seen::Environment(slug) => address::environment(slug),
        Seen::ApiKeys => address::API_KEYS.to_owned(),
        Seen::NewApiKey => address::API_KEY_NEW.to_owned(),
        Seen::Profile => address::PROFILE.to_owned(),
        Seen::Enrolment => address::PROFILE_ENROL.to_owned(),
        Seen::RecoveryCodes => address::PROFILE_RECOVERY_CODES_SHOW.to_owned(),
    }
}
