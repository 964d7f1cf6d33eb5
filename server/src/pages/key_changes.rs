//! The three changes of a key, each in two steps at one address: "Next" prepares, the code
//! confirms. What they have in common is here once; what tells them apart is [`KeyChange`].

use super::changes::{self, Review, Step};
use crate::App;
use crate::web::failure::{Failure, Shown, refused};
use crate::web::forms::InScope;
use crate::web::page::{Page, chrome, done, query_value, see};
use crate::web::visitor::SignedIn;
use app::pages::{AddKeyPage, EditKeyPage, RotateKeyPage};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::command::{CreateKey, EditKey, RotateKey};
use domain::form::Form;
use domain::id::ChangeId;
use domain::key_version::{KeyType, NewVersion, Plan};
use domain::limits::DailyLimits;
use domain::rotation::{NotAPeriod, RotationPeriod};
use domain::scope::ScopeName;
use domain::view::{Chrome, LimitsView, VersionRow};
use domain::words;
use engine::authority::{Authorised, Sensitive};
use engine::changes::Prepared;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::Deserialize;

/// What the first step asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeForm {
    #[serde(default)]
    key_type: String,
    #[serde(default)]
    rotation_days: String,
}

/// A change of a key.
#[allow(async_fn_in_trait, reason = "used with the three types below only")]
pub trait KeyChange: Sensitive {
    const HEADING: &'static str;
    /// The word on the button that acts.
    const VERB: &'static str;
    /// The last part of the address.
    const STEP: &'static str;
    /// It begins with the Active version, which must be managed.
    const NEEDS_MANAGED: bool;

    fn period(&self) -> RotationPeriod;
    /// What the first step shows; `None` where the Active version it begins with is missing.
    fn view(step: FirstStep) -> Option<AnyView>;
    async fn plan(
        app: &App,
        who: &SignedIn,
        scope: &ScopeName,
        period: RotationPeriod,
    ) -> Result<Self, Error>;
    /// What will happen, and a warning where one is due.
    async fn effects(&self, app: &App, daily: DailyLimits) -> Result<(Vec<String>, Option<String>), Error>;
    /// Executes it; answers with the query of the keys page and the status message.
    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error>;
}

/// What the first step of a change is made of.
pub struct FirstStep {
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    limits: LimitsView,
    active: Option<VersionRow>,
    form: Form,
}

/// The Active version, for the changes that begin with it.
async fn active<C: KeyChange>(app: &App, scope: &ScopeName) -> Result<Option<VersionRow>, Error> {
    if C::NEEDS_MANAGED { app.portal().managed_version(scope).await.map(Some) } else { Ok(None) }
}

async fn first_step<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    (form, status): Shown,
) -> Result<Response, Failure> {
    let active = active::<C>(app, scope).await?;
    let (limits, environment_name) = app.portal().limits(scope).await?;
    let (chrome, scope) = (chrome(app, who).await?, scope.clone());
    let step = FirstStep { chrome, scope, environment_name, limits, active, form };
    Ok(Page::framed(who, C::HEADING).status(status).show(app, move || C::view(step)))
}

fn keys_path(scope: &ScopeName) -> String {
    format!("/environments/{}/{}/keys", scope.environment, scope.country)
}

fn step_path<C: KeyChange>(scope: &ScopeName) -> String {
    format!("{}/{}", keys_path(scope), C::STEP)
}

fn filled_in(period: RotationPeriod) -> Form {
    Form::new().with("key_type", KeyType::Managed.word()).with("rotation_days", period.days().to_string())
}

/// The first step as it was filled in before "Back", or as it begins.
async fn first_form<C: KeyChange>(app: &App, who: &SignedIn, scope: &ScopeName) -> Result<Form, Failure> {
    let before = query_value(&who.visitor.query, "rotation_days").and_then(|text| text.parse().ok());
    Ok(filled_in(match before {
        Some(period) => period,
        None => active::<C>(app, scope).await?.and_then(|version| version.period).unwrap_or_default(),
    }))
}

pub async fn show<C: KeyChange>(
    State(app): State<App>,
    who: SignedIn,
    InScope(scope): InScope,
) -> Result<Response, Failure> {
    match changes::named(&who.visitor.query) {
        Some(id) => second_step::<C>(&app, &who, &scope, id, None).await,
        None => {
            let form = first_form::<C>(&app, &who, &scope).await?;
            first_step::<C>(&app, &who, &scope, (form, StatusCode::OK)).await
        }
    }
}

pub async fn submit<C: KeyChange>(
    State(app): State<App>,
    who: SignedIn,
    InScope(scope): InScope,
    step: Step<ChangeForm>,
) -> Result<Response, Failure> {
    match step {
        Step::Confirm(id, code) => confirm::<C>(&app, &who, &scope, id, &code).await,
        Step::Prepare(typed) => prepare::<C>(&app, &who, &scope, &typed).await,
    }
}

/// "Next": what was typed becomes a command that waits for its code.
async fn prepare<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    typed: &ChangeForm,
) -> Result<Response, Failure> {
    let mut form = Form::new().with("key_type", &typed.key_type).with("rotation_days", &typed.rotation_days);
    if !C::NEEDS_MANAGED && KeyType::from_word(&typed.key_type).is_none() {
        form.refuse("key_type", "Choose a key type.");
    }
    let period = typed
        .rotation_days
        .parse()
        .map_err(|error: NotAPeriod| form.refuse("rotation_days", error.to_string()));
    let (Ok(period), false) = (period, form.is_refused()) else {
        return first_step::<C>(app, who, scope, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    };
    match C::plan(app, who, scope, period).await {
        Ok(command) => {
            let id = app.portal().prepare(&who.session, &command).await?;
            Ok(see(&changes::address(&step_path::<C>(scope), id)))
        }
        Err(error @ Error::NotManaged(_)) => Err(error.into()),
        Err(error) => first_step::<C>(app, who, scope, refused(form, error)?).await,
    }
}

/// The prepared change, if it belongs to the scope that the address names.
async fn prepared<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    id: ChangeId,
) -> Result<Prepared<C>, Error> {
    let prepared = app.portal().prepared::<C>(&who.session, id).await?;
    if prepared.command.place() == scope.to_string() { Ok(prepared) } else { Err(Error::ChangeGone) }
}

/// Shows what will happen; after a refused code again, with the error beside the field.
async fn second_step<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    id: ChangeId,
    error: Option<Error>,
) -> Result<Response, Failure> {
    let Prepared { command, expires_at, .. } = match prepared::<C>(app, who, scope, id).await {
        Err(gone @ Error::ChangeGone) => {
            let form = first_form::<C>(app, who, scope).await?;
            return first_step::<C>(app, who, scope, refused(form, gone)?).await;
        }
        prepared => prepared?,
    };
    let (limits, environment) = app.portal().limits(scope).await?;
    let (effects, warning) = command.effects(app, limits.daily).await?;
    let review = Review {
        heading: C::HEADING,
        about: format!("{} · {environment}", scope.country.name()),
        crumbs: vec![
            (environment, Some(format!("/environments/{}", scope.environment))),
            (scope.country.name().to_owned(), None),
            ("Encryption keys".to_owned(), Some(keys_path(scope))),
            (C::HEADING.to_owned(), None),
        ],
        verb: C::VERB,
        back: format!("{}?rotation_days={}", step_path::<C>(scope), command.period().days()),
        effects,
        warning,
    };
    let shown = match error {
        Some(error) => refused(Form::new(), error)?,
        None => (Form::new(), StatusCode::OK),
    };
    changes::show(app, who, review, expires_at, shown).await
}

/// The code: what was shown happens, once.
async fn confirm<C: KeyChange>(
    app: &App,
    who: &SignedIn,
    scope: &ScopeName,
    id: ChangeId,
    code: &SecretText,
) -> Result<Response, Failure> {
    let confirmed = match prepared::<C>(app, who, scope, id).await {
        Ok(_) => app.portal().confirm::<C>(&who.session, id, code).await,
        Err(error) => Err(error),
    };
    let ask = match confirmed {
        Ok(ask) => ask,
        Err(error) => return second_step::<C>(app, who, scope, id, Some(error)).await,
    };
    let form = filled_in(ask.command().period());
    match C::execute(app, ask).await {
        Ok((query, message)) => Ok(done(app, who, &format!("{}{query}", keys_path(scope)), message).await),
        Err(error @ Error::NotManaged(_)) => Err(error.into()),
        Err(error) => first_step::<C>(app, who, scope, refused(form, error)?).await,
    }
}

fn period_of(plan: &Plan) -> RotationPeriod {
    let NewVersion::Managed { period } = plan.new;
    period
}

fn effects_of(plan: &Plan, daily: DailyLimits) -> Vec<String> {
    let label = plan.new.key_type().label();
    let mut effects = vec![format!(
        "Version {} becomes Active: {label}, rotates every {} days.",
        plan.number,
        period_of(plan).days()
    )];
    effects
        .extend(plan.deprecates.map(|old| format!("Version {old} becomes Deprecated; it still decrypts.")));
    effects.extend(plan.due_at.map(|due| format!("Next rotation: {}.", words::moment(due))));
    effects.push(format!(
        "Left today after this: {} of {} {label}, {} of {} in all.",
        plan.left.of_type_today, daily.per_type, plan.left.today, daily.per_scope
    ));
    effects
}

/// Where the new version is seen, and what is said of it.
fn made(plan: &Plan) -> (String, String) {
    let follows = match plan.deprecates {
        Some(old) => format!("; version {old} still decrypts."),
        None => ".".to_owned(),
    };
    let message = format!("Version {} is Active. Services use it from now on{follows}", plan.number);
    (format!("?new={}", plan.number), message)
}

impl KeyChange for CreateKey {
    const HEADING: &'static str = "Add encryption key";
    const VERB: &'static str = "Create";
    const STEP: &'static str = "add";
    const NEEDS_MANAGED: bool = false;

    fn period(&self) -> RotationPeriod {
        period_of(&self.plan)
    }

    fn view(step: FirstStep) -> Option<AnyView> {
        let FirstStep { chrome, scope, environment_name, limits, form, .. } = step;
        Some(view! { <AddKeyPage chrome scope environment_name limits form /> }.into_any())
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        scope: &ScopeName,
        period: RotationPeriod,
    ) -> Result<Self, Error> {
        app.portal().plan_create(&who.session, scope, NewVersion::Managed { period }).await
    }

    async fn effects(&self, _: &App, daily: DailyLimits) -> Result<(Vec<String>, Option<String>), Error> {
        Ok((effects_of(&self.plan, daily), None))
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        app.portal().create_key(ask).await.map(|plan| made(&plan))
    }
}

impl KeyChange for RotateKey {
    const HEADING: &'static str = "Rotate encryption key";
    const VERB: &'static str = "Rotate";
    const STEP: &'static str = "rotate";
    const NEEDS_MANAGED: bool = true;

    fn period(&self) -> RotationPeriod {
        period_of(&self.plan)
    }

    fn view(step: FirstStep) -> Option<AnyView> {
        let FirstStep { chrome, scope, environment_name, limits, active, form } = step;
        let active = active?;
        Some(view! { <RotateKeyPage chrome scope environment_name active limits form /> }.into_any())
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        scope: &ScopeName,
        period: RotationPeriod,
    ) -> Result<Self, Error> {
        app.portal().plan_rotate(&who.session, scope, period).await
    }

    async fn effects(&self, _: &App, daily: DailyLimits) -> Result<(Vec<String>, Option<String>), Error> {
        Ok((effects_of(&self.plan, daily), None))
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        app.portal().rotate_key(ask).await.map(|plan| made(&plan))
    }
}

impl KeyChange for EditKey {
    const HEADING: &'static str = "Edit encryption key";
    const VERB: &'static str = "Update";
    const STEP: &'static str = "settings";
    const NEEDS_MANAGED: bool = true;

    fn period(&self) -> RotationPeriod {
        self.to
    }

    fn view(step: FirstStep) -> Option<AnyView> {
        let FirstStep { chrome, scope, environment_name, active, form, .. } = step;
        let active = active?;
        Some(view! { <EditKeyPage chrome scope environment_name active form /> }.into_any())
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        scope: &ScopeName,
        period: RotationPeriod,
    ) -> Result<Self, Error> {
        app.portal().plan_edit(&who.session, scope, period).await
    }

    async fn effects(&self, app: &App, _: DailyLimits) -> Result<(Vec<String>, Option<String>), Error> {
        let due = app.portal().due_after_edit(self).await?;
        let effects = vec![
            format!(
                "Version {} rotates every {} days instead of every {}.",
                self.number,
                self.to.days(),
                self.from.days()
            ),
            format!("Next rotation: {}, counted from the version's creation.", words::moment(due)),
        ];
        let warning = (due <= app.portal().now()).then(|| {
            "That date lies in the past: Keystead makes the next version within seconds of this change, or on the next \
             UTC day if a daily limit forbids it today."
                .to_owned()
        });
        Ok((effects, warning))
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        let (number, days) = (ask.command().number, ask.command().to.days());
        let due = app.portal().edit_key(ask).await?;
        let message =
            format!("Version {number} rotates every {days} days. Next rotation: {}.", words::moment(due));
        Ok((String::new(), message))
    }
}
