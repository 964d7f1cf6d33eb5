//! "Rotate encryption key".

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::pages::keys::period::{PeriodForm, active, period_form};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::RotateKeyPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::keys::command::RotateKey;
use engine::Error;
use leptos::prelude::*;

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

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let active = active(app, at).await?;
        let (FirstStep { chrome, scope, environment_name, form }, limits) =
            FirstStep::with_limits(app, who, at, form).await?;
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
