//! "Rotate encryption key" and "Edit encryption key".

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::custody::aws_fields::Checked;
use app::pages::{EditKeyPage, RotateKeyPage};
use domain::base::address;
use domain::base::form::Form;
use domain::base::number::NotListed;
use domain::keys::command::{EditKey, RotateKey};
use domain::keys::key_type::KeyType;
use domain::keys::rotation::RotationPeriod;
use domain::keys::view::VersionRow;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

/// The form of "Rotate encryption key" and "Edit encryption key".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodForm {
    #[serde(default)]
    rotation_days: String,
}

pub fn period_form(period: RotationPeriod) -> Form {
    Form::new().with("key_type", KeyType::Managed.word()).with("rotation_days", period.days().to_string())
}

/// Returns the typed period, or `None` with the error in the form.
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

/// Returns the form with the period of the Active version, which must be managed.
async fn form_of_active(app: &App, at: &AtScope) -> Result<Form, Error> {
    let active = app.portal().keys().managed_version(&at.scope).await?;
    Ok(period_form(active.period.unwrap_or_default()))
}

async fn active(app: &App, at: &AtScope) -> Result<VersionRow, Error> {
    app.portal().keys().managed_version(&at.scope).await
}

impl ChangeForm for RotateKey {
    const HEADING: &'static str = "Rotate encryption key";
    type At = AtScope;
    type Typed = PeriodForm;

    fn path(at: &AtScope) -> String {
        address::key_rotate(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn form(app: &App, _: &SignedIn, at: &AtScope) -> Result<Form, Error> {
        form_of_active(app, at).await
    }

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let active = active(app, at).await?;
        let FirstStep { chrome, scope, environment_name, limits, form } =
            FirstStep::load(app, who, at, form).await?;
        Ok(Box::new(move || {
            view! { <RotateKeyPage chrome scope environment_name active limits form /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: PeriodForm) -> Result<Self, Box<Again>> {
        let (period, form) = typed.read()?;
        let planned = app.portal().keys().plan_rotate(&who.session, &at.scope, period).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        period_form(self.plan.new.period().unwrap_or_default())
    }
}

impl ChangeForm for EditKey {
    const HEADING: &'static str = "Edit encryption key";
    type At = AtScope;
    type Typed = PeriodForm;

    fn path(at: &AtScope) -> String {
        address::key_settings(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn form(app: &App, _: &SignedIn, at: &AtScope) -> Result<Form, Error> {
        form_of_active(app, at).await
    }

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let active = active(app, at).await?;
        let FirstStep { chrome, scope, environment_name, form, .. } =
            FirstStep::load(app, who, at, form).await?;
        Ok(Box::new(move || view! { <EditKeyPage chrome scope environment_name active form /> }.into_any()))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: PeriodForm) -> Result<Self, Box<Again>> {
        let (period, form) = typed.read()?;
        let planned = app.portal().keys().plan_edit(&who.session, &at.scope, period).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        period_form(self.to)
    }
}
