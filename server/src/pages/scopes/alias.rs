//! "Alias": set, changed, cleared. In two steps, like the changes of a key.

use crate::App;
use crate::pages::changes::two_step::{Again, Effects, FirstStep, KeyChange, View};
use crate::web::forms::InKeys;
use crate::web::visitor::SignedIn;
use app::pages::AliasPage;
use domain::base::address;
use domain::base::form::Form;
use domain::keys::limits::DailyLimits;
use domain::scopes::alias::Alias;
use domain::scopes::command::SetAlias;
use engine::Error;
use engine::changes::authority::Authorised;
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

impl KeyChange for SetAlias {
    const HEADING: &'static str = "Alias";
    type Typed = AliasForm;

    fn verb(&self) -> &'static str {
        "Change"
    }

    fn path(at: &InKeys) -> String {
        address::alias(&at.scope)
    }

    async fn form(app: &App, at: &InKeys) -> Result<Form, Error> {
        Ok(form_of(app.portal().scopes().alias(&at.scope).await?.as_ref()))
    }

    async fn view(_: &App, _: &InKeys, step: FirstStep) -> Result<View, Error> {
        let FirstStep { chrome, scope, environment_name, form, .. } = step;
        Ok(Box::new(move || view! { <AliasPage chrome scope environment_name form /> }.into_any()))
    }

    async fn plan(app: &App, who: &SignedIn, at: &InKeys, typed: AliasForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().scopes().plan_alias(&who.session, &at.scope, &typed.alias).await;
        planned.map_err(|error| Again::because(Form::new().with("alias", &typed.alias), error))
    }

    fn filled(&self) -> Form {
        form_of(self.to.as_ref())
    }

    async fn effects(&self, _: &App, _: DailyLimits) -> Result<Effects, Error> {
        let scope = &self.scope.name;
        let mut sentences = Vec::new();
        sentences.extend(self.to.as_ref().map(|to| format!("Services may call {scope} by the name {to}.")));
        sentences
            .extend(self.from.as_ref().map(|from| format!("The name {from} stands for nothing any more.")));
        sentences
            .push(format!("{scope} is still called so as well; keys and derived keys stay as they are."));
        let warning = self.from.as_ref().map(|from| {
            format!(
                "Services that still ask for {from} are refused. What they encrypted under that name opens under the \
                 others that {scope} has."
            )
        });
        Ok(Effects { sentences, warning, report: None, policy: None })
    }

    async fn execute(app: &App, ask: Authorised<Self>) -> Result<(String, String), Error> {
        let message = match &ask.command().to {
            Some(alias) => format!("Services may call this scope {alias}."),
            None => "This scope has no alias any more.".to_owned(),
        };
        app.portal().scopes().set_alias(ask).await?;
        Ok((String::new(), message))
    }
}
