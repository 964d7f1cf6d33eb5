//! "Rotate encryption key" and "Edit encryption key"; what every new version does and says.

use crate::App;
use crate::pages::changes::two_step::{Again, Effects, FirstStep, KeyChange, View};
use crate::web::forms::InKeys;
use crate::web::visitor::SignedIn;
use app::pages::{EditKeyPage, RotateKeyPage};
use domain::base::address;
use domain::base::form::Form;
use domain::base::number::NotListed;
use domain::base::words;
use domain::keys::command::{EditKey, RotateKey};
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Plan;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, DailyLimits};
use domain::keys::rotation::RotationPeriod;
use domain::keys::view::VersionRow;
use engine::Error;
use engine::changes::authority::Authorised;
use leptos::prelude::*;
use serde::Deserialize;

/// What every new version does.
pub fn effects_of(plan: &Plan, daily: DailyLimits) -> Vec<String> {
    let key_type = plan.new.key_type();
    let label = key_type.label();
    let rotates = match plan.new.period() {
        Some(period) => format!("rotates every {} days", period.days()),
        None => "does not rotate by itself".to_owned(),
    };
    let mut effects = vec![format!("Version {} becomes Active: {label}, {rotates}.", plan.number)];
    effects
        .extend(plan.deprecates.map(|old| format!("Version {old} becomes Deprecated; it still decrypts.")));
    effects.extend(plan.due_at.map(|due| format!("Next rotation: {}.", words::moment(due))));
    effects.push(format!(
        "Left today after this: {} of {} {label}, {} of {} in all.",
        plan.left.of_type_today, daily.per_type, plan.left.today, daily.per_scope
    ));
    if key_type.is_customer_supplied() {
        let left = plan.left.customer_supplied;
        effects.push(format!(
            "Left for ever after this: {left} of {CUSTOMER_SUPPLIED_MAX} customer-supplied versions."
        ));
    }
    effects
}

/// Where the new version is seen, and what is said of it.
pub fn made(plan: &Plan) -> (String, String) {
    let follows = match plan.deprecates {
        Some(old) => format!("; version {old} still decrypts."),
        None => ".".to_owned(),
    };
    let message = format!("Version {} is Active. Services use it from now on{follows}", plan.number);
    (format!("?new={}", plan.number), message)
}

/// What "Rotate encryption key" and "Edit encryption key" ask for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodForm {
    #[serde(default)]
    rotation_days: String,
}

pub fn period_form(period: RotationPeriod) -> Form {
    Form::new().with("key_type", KeyType::Managed.word()).with("rotation_days", period.days().to_string())
}

/// The period that was typed, or the form with what is wrong with it.
pub fn read_period(rotation_days: &str, form: &mut Form) -> Option<RotationPeriod> {
    let read = rotation_days.parse();
    read.map_err(|error: NotListed| form.refuse("rotation_days", error.to_string())).ok()
}

impl PeriodForm {
    fn read(self) -> Result<(RotationPeriod, Form), Box<Again>> {
        let mut form = Form::new().with("rotation_days", &self.rotation_days);
        match read_period(&self.rotation_days, &mut form) {
            Some(period) => Ok((period, form)),
            None => Err(Again::form(form)),
        }
    }
}

/// The form of a change that begins with the Active version, which must be managed.
async fn form_of_active(app: &App, at: &InKeys) -> Result<Form, Error> {
    let active = app.portal().keys().managed_version(&at.scope).await?;
    Ok(period_form(active.period.unwrap_or_default()))
}

async fn active(app: &App, at: &InKeys) -> Result<VersionRow, Error> {
    app.portal().keys().managed_version(&at.scope).await
}

impl KeyChange for RotateKey {
    const HEADING: &'static str = "Rotate encryption key";
    type Typed = PeriodForm;

    fn verb(&self) -> &'static str {
        "Rotate"
    }

    fn path(at: &InKeys) -> String {
        address::key_rotate(&at.scope)
    }

    async fn form(app: &App, at: &InKeys) -> Result<Form, Error> {
        form_of_active(app, at).await
    }

    async fn view(app: &App, at: &InKeys, step: FirstStep) -> Result<View, Error> {
        let active = active(app, at).await?;
        let FirstStep { chrome, scope, environment_name, limits, form, .. } = step;
        Ok(Box::new(move || {
            view! { <RotateKeyPage chrome scope environment_name active limits form /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &InKeys, typed: PeriodForm) -> Result<Self, Box<Again>> {
        let (period, form) = typed.read()?;
        let planned = app.portal().keys().plan_rotate(&who.session, &at.scope, period).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        period_form(self.plan.new.period().unwrap_or_default())
    }

    async fn effects(&self, _: &App, daily: DailyLimits) -> Result<Effects, Error> {
        Ok(Effects { sentences: effects_of(&self.plan, daily), ..Effects::default() })
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        app.portal().keys().rotate(ask).await.map(|plan| made(&plan))
    }
}

impl KeyChange for EditKey {
    const HEADING: &'static str = "Edit encryption key";
    type Typed = PeriodForm;

    fn verb(&self) -> &'static str {
        "Update"
    }

    fn path(at: &InKeys) -> String {
        address::key_settings(&at.scope)
    }

    async fn form(app: &App, at: &InKeys) -> Result<Form, Error> {
        form_of_active(app, at).await
    }

    async fn view(app: &App, at: &InKeys, step: FirstStep) -> Result<View, Error> {
        let active = active(app, at).await?;
        let FirstStep { chrome, scope, environment_name, form, .. } = step;
        Ok(Box::new(move || view! { <EditKeyPage chrome scope environment_name active form /> }.into_any()))
    }

    async fn plan(app: &App, who: &SignedIn, at: &InKeys, typed: PeriodForm) -> Result<Self, Box<Again>> {
        let (period, form) = typed.read()?;
        let planned = app.portal().keys().plan_edit(&who.session, &at.scope, period).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        period_form(self.to)
    }

    async fn effects(&self, app: &App, _: DailyLimits) -> Result<Effects, Error> {
        let due = app.portal().keys().due_after_edit(self).await?;
        let sentences = vec![
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
        Ok(Effects { sentences, warning, ..Effects::default() })
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        let (number, days) = (ask.command().number, ask.command().to.days());
        let due = app.portal().keys().edit(ask).await?;
        let message =
            format!("Version {number} rotates every {days} days. Next rotation: {}.", words::moment(due));
        Ok((String::new(), message))
    }
}
