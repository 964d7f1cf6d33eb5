//! "Tenant secrets": a rotation begun, and finished. In two steps each, like the changes of a key.

use crate::App;
use crate::pages::changes::two_step::{Again, Effects, FirstStep, KeyChange, View};
use crate::web::forms::InKeys;
use crate::web::visitor::SignedIn;
use app::pages::TenantSecretsPage;
use domain::base::address;
use domain::base::form::Form;
use domain::base::words;
use domain::data::command::RotateTenantSecrets;
use domain::data::tenant_secret::RotationStep;
use domain::keys::limits::DailyLimits;
use engine::Error;
use engine::changes::authority::Authorised;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    #[serde(default)]
    step: String,
}

impl KeyChange for RotateTenantSecrets {
    const HEADING: &'static str = "Tenant secrets";
    type Typed = StepForm;

    fn verb(&self) -> &'static str {
        match self.step {
            RotationStep::Begin => "Begin rotation",
            RotationStep::Finish => "Finish rotation",
        }
    }

    fn path(at: &InKeys) -> String {
        address::tenant_secrets(&at.scope)
    }

    async fn form(_: &App, _: &InKeys) -> Result<Form, Error> {
        Ok(Form::new())
    }

    async fn view(app: &App, at: &InKeys, step: FirstStep) -> Result<View, Error> {
        let secrets = app.portal().secrets().of(&at.scope).await?;
        let FirstStep { chrome, scope, environment_name, form, .. } = step;
        Ok(Box::new(move || {
            view! { <TenantSecretsPage chrome scope environment_name secrets form /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &InKeys, typed: StepForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().secrets().plan_rotate(&who.session, &at.scope, &typed.step).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }

    fn filled(&self) -> Form {
        Form::new()
    }

    async fn effects(&self, app: &App, _: DailyLimits) -> Result<Effects, Error> {
        let secrets = app.portal().secrets().of(&self.scope.name).await?;
        let current = words::count(secrets.total(), "secret", "secrets");
        let previous = words::count(secrets.previous, "previous secret", "previous secrets");
        let (sentences, warning) = match self.step {
            RotationStep::Begin => (
                vec![
                    format!("{current} of this country: each gets a new one, which becomes current."),
                    "Services are given both, so that what is there is found and read until you finish.".to_owned(),
                    "They encrypt with the new ones from now on.".to_owned(),
                ],
                None,
            ),
            RotationStep::Finish => (
                vec![format!("{previous}: given to no service any more.")],
                Some(
                    "Fields and vectors that were not moved can neither be read nor found after this, and it cannot be \
                     undone here."
                        .to_owned(),
                ),
            ),
        };
        Ok(Effects { sentences, warning, report: None, policy: None })
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        let step = ask.command().step;
        let count = app.portal().secrets().rotate(ask).await?;
        let counted =
            words::count(u32::try_from(count).unwrap_or(u32::MAX), "tenant secret", "tenant secrets");
        let message = match step {
            RotationStep::Begin => {
                format!(
                    "A rotation of {counted} has begun. Finish it when services have moved their fields and vectors."
                )
            }
            RotationStep::Finish => format!("The rotation is finished: {counted} replaced."),
        };
        Ok((String::new(), message))
    }
}
