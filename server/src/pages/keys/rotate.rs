//! "Rotate encryption key".

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::pages::keys::period::{active, period_form, read_period};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::RotateKeyPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::base::typed::trimmed;
use domain::keys::command::RotateKey;
use domain::keys::reason::Reason;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

/// The form of "Rotate encryption key". "Rotate now" has two more fields, which the page shows while the limit of the type is reached.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateForm {
    #[serde(default)]
    rotation_days: String,
    reason: Option<String>,
    confirm: Option<String>,
}

impl ChangeForm for RotateKey {
    const HEADING: &'static str = "Rotate encryption key";
    type At = AtScope;
    type Typed = RotateForm;

    fn path(at: &AtScope) -> String {
        address::key_rotate(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let active = active(app, at).await?;
        let (FirstStep { chrome, scope, environment_name, form }, limits) =
            FirstStep::with_limits(app, who, at, form).await?;
        Ok(Box::new(move || {
            view! { <RotateKeyPage chrome scope environment_name active limits form /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: RotateForm) -> Result<Self, Box<Again>> {
        let RotateForm { rotation_days, reason, confirm } = typed;
        let mut form = Form::new().with("rotation_days", &rotation_days);
        let period = read_period(&rotation_days, &mut form);
        let (keys, who) = (app.portal().keys(), &who.session);
        let planned = if reason.is_none() && confirm.is_none() {
            let Some(period) = period else { return Err(Again::form(form)) };
            keys.plan_rotate(who, &at.scope, period).await
        } else {
            let (reason, confirm) = (reason.unwrap_or_default(), confirm.unwrap_or_default());
            form = form.with("reason", &reason).with("confirm", &confirm);
            let reason = Reason::typed(&reason);
            let reason = reason.map_err(|refused| form.refuse("reason", refused.to_string())).ok();
            let name = at.scope.to_string();
            if trimmed(&confirm) != name {
                form.refuse("confirm", format!("Type {name} to confirm the rotation."));
            }
            match (period, reason, form.is_refused()) {
                (Some(period), Some(reason), false) => {
                    keys.plan_rotate_now(who, &at.scope, period, reason).await
                }
                _ => return Err(Again::form(form)),
            }
        };
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        let form = period_form(self.plan.new.period().unwrap_or_default());
        match &self.reason {
            Some(reason) => form.with("reason", reason.as_str()),
            None => form,
        }
    }
}
