//! "Change kind" of an environment, in one step while no version exists in it, else in two.

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::InEnvironment;
use crate::web::page::chrome;
use crate::web::visitor::SignedIn;
use app::pages::KindPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::scopes::command::SetKind;
use domain::scopes::scope::EnvironmentKind;
use engine::Error;
use engine::changes::change::Outcome;
use leptos::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindForm {
    #[serde(default)]
    kind: String,
}

impl ChangeForm for SetKind {
    const HEADING: &'static str = "Change kind";
    type At = InEnvironment;
    type Typed = KindForm;

    fn path(InEnvironment(slug): &InEnvironment) -> String {
        address::environment_kind(slug)
    }

    fn is_at(&self, InEnvironment(slug): &InEnvironment) -> bool {
        self.environment.slug == *slug
    }

    async fn view(
        app: &App,
        who: &SignedIn,
        InEnvironment(slug): &InEnvironment,
        form: Form,
        _: Checked,
    ) -> Result<View, Error> {
        let scopes = app.portal().scopes();
        let environment = scopes.environment(slug).await?.environment;
        let needs_code = scopes.kind_needs_code(slug).await?;
        let chrome = chrome(app, who).await?;
        Ok(Box::new(move || view! { <KindPage chrome environment needs_code form /> }.into_any()))
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        InEnvironment(slug): &InEnvironment,
        typed: KindForm,
    ) -> Result<Self, Box<Again>> {
        let mut form = Form::new().with("kind", &typed.kind);
        let Some(kind) = EnvironmentKind::from_word(&typed.kind) else {
            form.refuse("kind", "Choose Production or Test.");
            return Err(Again::form(form));
        };
        let planned = app.portal().scopes().plan_kind(&who.session, slug, kind).await;
        planned.map_err(|error| Again::because(form, error))
    }

    fn filled(&self) -> Form {
        Form::new().with("kind", self.to.word())
    }

    async fn at_once(&self, app: &App, who: &SignedIn) -> Result<Option<Outcome>, Error> {
        app.portal().scopes().change_kind_at_once(&who.session, self).await
    }
}
