//! The changes of a key, each in two steps at one address: "Next" prepares, the code confirms. What they have in common is
//! here once; what tells them apart is [`KeyChange`].

use crate::App;
use crate::pages::changes::review;
use crate::pages::changes::review::{Review, Step};
use crate::web::failure::{Failure, refused};
use crate::web::forms::InKeys;
use crate::web::page::{Page, chrome, done};
use crate::web::redirect::{query_value, see};
use crate::web::visitor::SignedIn;
use app::pages::custody::aws_fields::Checked;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::ChangeId;
use domain::custody::preflight::Report;
use domain::keys::limits::DailyLimits;
use domain::keys::view::LimitsView;
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use engine::base::error::ChangesError;
use engine::base::error::KeysError;
use engine::changes::authority::{Authorised, Sensitive};
use engine::changes::prepare::Prepared;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

/// A change of a key.
#[allow(async_fn_in_trait, reason = "used with the types below only")]
pub trait KeyChange: Sensitive {
    const HEADING: &'static str;
    /// What the first step asks for.
    type Typed: DeserializeOwned + Send;

    /// The word on the button that acts.
    fn verb(&self) -> &'static str;
    fn path(at: &InKeys) -> String;
    /// What the first step begins with.
    async fn form(app: &App, at: &InKeys) -> Result<Form, Error>;
    /// Marks what is kept sealed on the server of a form that is shown again.
    async fn keeping(_: &App, _: &SignedIn, _: &InKeys, form: Form) -> Result<Form, Error> {
        Ok(form)
    }
    /// Forgets what was kept, once the change is done.
    async fn forget(_: &App, _: &SignedIn) -> Result<(), Error> {
        Ok(())
    }
    async fn view(app: &App, at: &InKeys, step: FirstStep) -> Result<View, Error>;
    /// Makes a command of what was typed.
    async fn plan(app: &App, who: &SignedIn, at: &InKeys, typed: Self::Typed) -> Result<Self, Box<Again>>;
    /// The first step as it was filled in.
    fn filled(&self) -> Form;
    /// What will happen.
    async fn effects(&self, app: &App, daily: DailyLimits) -> Result<Effects, Error>;
    /// Whether it was prepared at this address.
    fn is_at(&self, at: &InKeys) -> bool {
        self.place() == at.scope.to_string()
    }
    /// Executes it; answers with where it is seen, below the keys page, and the status message.
    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error>;
}

/// A page that is drawn once.
pub type View = Box<dyn FnOnce() -> AnyView + Send>;

/// What the first step of a change is made of.
pub struct FirstStep {
    pub chrome: Chrome,
    pub scope: ScopeName,
    pub environment_name: String,
    pub limits: LimitsView,
    pub form: Form,
    pub checked: Checked,
}

/// The first step once more: what was typed, and why.
#[derive(Default)]
pub struct Again {
    pub form: Form,
    pub error: Option<Error>,
    pub checked: Checked,
}

impl Again {
    /// With the errors that stand in the form already, or none.
    pub fn form(form: Form) -> Box<Self> {
        Box::new(Self { form, ..Self::default() })
    }

    pub fn because(form: Form, error: Error) -> Box<Self> {
        Box::new(Self { form, error: Some(error), ..Self::default() })
    }
}

/// What will happen, in sentences, with a warning where one is due.
#[derive(Default)]
pub struct Effects {
    pub sentences: Vec<String>,
    pub warning: Option<String>,
    pub report: Option<Report>,
    pub policy: Option<String>,
}

async fn first_step<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    at: &InKeys,
    again: Again,
) -> Result<Response, Failure> {
    let Again { form, error, checked } = again;
    let (form, status) = match error {
        Some(error @ Error::Keys(KeysError::NotManaged(_))) => return Err(error.into()),
        Some(error) => refused(form, error)?,
        None if form.is_refused() => (form, StatusCode::UNPROCESSABLE_ENTITY),
        None => (form, StatusCode::OK),
    };
    let form = C::keeping(app, who, at, form).await?;
    let (limits, environment_name) = app.portal().keys().limits(&at.scope).await?;
    let (chrome, scope) = (chrome(app, who).await?, at.scope.clone());
    let step = FirstStep { chrome, scope, environment_name, limits, form, checked };
    let view = C::view(app, at, step).await?;
    Ok(Page::framed(who, C::HEADING).status(status).show(app, view))
}

pub async fn show<C: KeyChange>(
    State(app): State<App>,
    who: SignedIn,
    at: InKeys,
) -> Result<Response, Failure> {
    if let Some(id) = review::named(&who.visitor.query) {
        return second_step::<C>(&app, &who, &at, id, None).await;
    }
    // After "Back", as it was filled in before.
    let before = query_value(&who.visitor.query, "back").and_then(|id| id.parse().ok());
    let before = match before {
        Some(id) => prepared::<C>(&app, &who, &at, id).await.ok(),
        None => None,
    };
    let form = match before {
        Some(prepared) => prepared.command.filled(),
        None => C::form(&app, &at).await?,
    };
    first_step::<C>(&app, &who, &at, *Again::form(form)).await
}

pub async fn submit<C: KeyChange>(
    State(app): State<App>,
    who: SignedIn,
    at: InKeys,
    step: Step<C::Typed>,
) -> Result<Response, Failure> {
    match step {
        Step::Confirm(id, code) => confirm::<C>(&app, &who, &at, id, &code).await,
        Step::Prepare(typed) => match C::plan(&app, &who, &at, typed).await {
            Ok(command) => {
                let id = app.portal().changes().prepare(&who.session, &command).await?;
                Ok(see(&review::address(&C::path(&at), id)))
            }
            Err(again) => first_step::<C>(&app, &who, &at, *again).await,
        },
    }
}

/// The prepared change, if it belongs to what the address names.
async fn prepared<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    at: &InKeys,
    id: ChangeId,
) -> Result<Prepared<C>, Error> {
    let prepared = app.portal().changes().prepared::<C>(&who.session, id).await?;
    if prepared.command.is_at(at) { Ok(prepared) } else { Err(Error::Changes(ChangesError::ChangeGone)) }
}

/// Shows what will happen; after a refused code again, with the error beside the field.
async fn second_step<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    at: &InKeys,
    id: ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let Prepared { command, expires_at, .. } = match prepared::<C>(app, who, at, id).await {
        Err(gone @ Error::Changes(ChangesError::ChangeGone)) => {
            let form = C::form(app, at).await?;
            return first_step::<C>(app, who, at, *Again::because(form, gone)).await;
        }
        prepared => prepared?,
    };
    let (limits, environment) = app.portal().keys().limits(&at.scope).await?;
    let Effects { sentences, warning, report, policy } = command.effects(app, limits.daily).await?;
    let country = at.scope.country.name();
    let review = Review {
        heading: C::HEADING,
        about: format!("{country} · {environment}"),
        crumbs: vec![
            (environment, Some(address::environment(&at.scope.environment))),
            (country.to_owned(), None),
            ("Encryption keys".to_owned(), Some(at.path())),
            (C::HEADING.to_owned(), None),
        ],
        has_parameters: true,
        verb: command.verb(),
        back: format!("{}?back={id}", C::path(at)),
        effects: sentences,
        warning,
        report,
        policy,
    };
    let shown = match error {
        Some(error) => refused(Form::new(), error)?,
        None => (Form::new(), StatusCode::OK),
    };
    review::show(app, who, review, expires_at, shown).await
}

/// The code: what was shown happens, once.
async fn confirm<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    at: &InKeys,
    id: ChangeId,
    code: &SecretText,
) -> Result<Response, Failure> {
    let confirmed = match prepared::<C>(app, who, at, id).await {
        Ok(_) => app.portal().changes().confirm::<C>(&who.session, id, code).await,
        Err(error) => Err(error),
    };
    let ask = match confirmed {
        Ok(ask) => ask,
        Err(error) => return second_step::<C>(app, who, at, id, Some(error)).await,
    };
    let form = ask.command().filled();
    match C::execute(app, ask).await {
        Ok((below, message)) => {
            // It is done, whether or not this is.
            if let Err(error) = C::forget(app, who).await {
                tracing::warn!(%error, "what a form had kept could not be forgotten; it ends with its time");
            }
            Ok(done(app, who, &format!("{}{below}", at.path()), message).await)
        }
        Err(error) => first_step::<C>(app, who, at, *Again::because(form, error)).await,
    }
}
