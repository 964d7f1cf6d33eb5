//! "Change limits" of an environment.

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::InEnvironment;
use crate::web::page::chrome;
use crate::web::visitor::SignedIn;
use app::pages::EnvironmentLimitsPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::keys::command::SetLimits;
use domain::keys::limits::OwnLimits;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsForm {
    #[serde(default)]
    per_type: String,
    #[serde(default)]
    per_scope: String,
}

/// Returns the form with these limits filled in.
fn filled(OwnLimits { per_type, per_scope }: OwnLimits) -> Form {
    let text = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    Form::new().with("per_type", text(per_type)).with("per_scope", text(per_scope))
}

impl ChangeForm for SetLimits {
    const HEADING: &'static str = "Change limits";
    type At = InEnvironment;
    type Typed = LimitsForm;

    fn path(InEnvironment(slug): &InEnvironment) -> String {
        address::environment_limits(slug)
    }

    fn is_at(&self, InEnvironment(slug): &InEnvironment) -> bool {
        self.environment.slug == *slug
    }

    async fn form(app: &App, _: &SignedIn, InEnvironment(slug): &InEnvironment) -> Result<Form, Error> {
        Ok(filled(app.portal().keys().environment_limits(slug).await?.own))
    }

    async fn view(
        app: &App,
        who: &SignedIn,
        InEnvironment(slug): &InEnvironment,
        form: Form,
        _: Checked,
    ) -> Result<View, Error> {
        let view = app.portal().keys().environment_limits(slug).await?;
        let chrome = chrome(app, who).await?;
        Ok(Box::new(move || view! { <EnvironmentLimitsPage chrome view form /> }.into_any()))
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        InEnvironment(slug): &InEnvironment,
        typed: LimitsForm,
    ) -> Result<Self, Box<Again>> {
        let mut form = Form::new().with("per_type", &typed.per_type).with("per_scope", &typed.per_scope);
        let mut read = |field, text: &str| {
            OwnLimits::typed(text).map_err(|refused| form.refuse(field, refused.to_string())).ok()
        };
        let limits = (read("per_type", &typed.per_type), read("per_scope", &typed.per_scope));
        let (Some(per_type), Some(per_scope)) = limits else { return Err(Again::form(form)) };
        let to = OwnLimits { per_type, per_scope };
        let planned = app.portal().keys().plan_limits(&who.session, slug, to).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        filled(self.to)
    }
}
