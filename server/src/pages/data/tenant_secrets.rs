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
use domain::base::number;
use domain::base::typed::trimmed;
use domain::data::command::RotateTenantSecrets;
use domain::data::tenant_secret::RotationStep;
use domain::data::view::TenantSecretsView;
use domain::scopes::scope::ScopeName;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepForm {
    #[serde(default)]
    step: String,
    /// The typed name of the scope, when the rotation is finished.
    #[serde(default)]
    confirm: String,
    /// "yes": ticked.
    #[serde(default)]
    accepts_uses: String,
    /// The number of uses that the page showed beside the box.
    #[serde(default)]
    seen_uses: String,
}

impl StepForm {
    /// Returns the number of uses that the person has seen and accepted.
    fn accepted_uses(&self) -> u64 {
        match self.accepts_uses == "yes" {
            true => number::plain(&self.seen_uses).unwrap_or_default(),
            false => 0,
        }
    }

    /// Returns the form as it was filled in, with the errors of the fields of "Finish rotation": the scope's name, and the box that
    /// the page shows while services still ask.
    fn checked(&self, scope: &ScopeName, secrets: &TenantSecretsView) -> Form {
        // A tick covers what was shown beside it, so a box whose count has grown comes back without it.
        let has_grown = secrets.uses.count > self.accepted_uses();
        let tick = if has_grown { "" } else { self.accepts_uses.as_str() };
        let mut form = Form::new().with("confirm", &self.confirm).with("accepts_uses", tick);
        let finish = RotationStep::Finish;
        if secrets.due() != Some(finish) || self.step != finish.word() {
            return form;
        }
        if trimmed(&self.confirm) != scope.to_string() {
            form.refuse("confirm", format!("Type {scope} to confirm."));
        }
        if has_grown {
            form.refuse(
                "accepts_uses",
                match self.accepted_uses() {
                    0 => "Tick the box to finish although services still receive keys of the previous secrets.",
                    _ => "Services have received more keys of the previous secrets since. Tick the box to finish all the same.",
                },
            );
        }
        form
    }
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
        let secrets = app.portal().secrets();
        let now = secrets.of_now(&at.scope).await.map_err(|error| Again::because(Form::new(), error))?;
        let form = typed.checked(&at.scope, &now);
        if form.is_refused() {
            return Err(Again::form(form));
        }
        let accepted_uses = typed.accepted_uses();
        let planned = secrets.plan_rotate(&who.session, &at.scope, &typed.step, accepted_uses).await;
        planned.map_err(|error| Again::because(form, error))
    }
}
