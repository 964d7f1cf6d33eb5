//! "Alias": sets, changes and clears it, in two steps like the changes of a key.

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::AliasPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::scopes::alias::Alias;
use domain::scopes::command::SetAlias;
use engine::Error;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasForm {
    #[serde(default)]
    alias: String,
}

fn form_of(alias: Option<&Alias>) -> Form {
    Form::new().with("alias", alias.map(Alias::to_string).unwrap_or_default())
}

impl ChangeForm for SetAlias {
    const HEADING: &'static str = "Alias";
    type At = AtScope;
    type Typed = AliasForm;

    fn path(at: &AtScope) -> String {
        address::alias(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn form(app: &App, _: &SignedIn, at: &AtScope) -> Result<Form, Error> {
        Ok(form_of(app.portal().scopes().alias(&at.scope).await?.as_ref()))
    }

    async fn view(app: &App, who: &SignedIn, at: &AtScope, form: Form, _: Checked) -> Result<View, Error> {
        let FirstStep { chrome, scope, environment_name, form } = FirstStep::load(app, who, at, form).await?;
        Ok(Box::new(move || view! { <AliasPage chrome scope environment_name form /> }.into_any()))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: AliasForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().scopes().plan_alias(&who.session, &at.scope, &typed.alias).await;
        planned.map_err(|error| Again::because(Form::new().with("alias", &typed.alias), error))
    }

    fn filled(&self) -> Form {
        form_of(self.to.as_ref())
    }
}
