//! "Tenant secrets": begins and finishes a rotation, each in two steps like the changes of a key.

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::TenantSecretsPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::data::command::RotateTenantSecrets;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    #[serde(default)]
    step: String,
}

impl ChangeForm for RotateTenantSecrets {
    const HEADING: &'static str = "Tenant secrets";
    type At = AtScope;
    type Typed = StepForm;

    fn path(at: &AtScope) -> String {
        address::tenant_secrets(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let secrets = app.portal().secrets().of(&at.scope).await?;
        let FirstStep { chrome, scope, environment_name, form } = FirstStep::load(app, who, at, form).await?;
        Ok(Box::new(move || {
            view! { <TenantSecretsPage chrome scope environment_name secrets form /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: StepForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().secrets().plan_rotate(&who.session, &at.scope, &typed.step).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }
}
