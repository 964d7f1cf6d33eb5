//! "Replace authenticator".

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::pages::people::current_password::CurrentPasswordForm;
use crate::web::forms::Plain;
use crate::web::page::chrome;
use crate::web::visitor::SignedIn;
use app::pages::ReplaceAuthenticatorPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::people::command::ReplaceAuthenticator;
use engine::Error;
use leptos::prelude::*;

impl ChangeForm for ReplaceAuthenticator {
    const HEADING: &'static str = "Replace authenticator";
    const OVER: Option<&'static str> = Some(address::PROFILE_AUTHENTICATOR);
    type At = Plain;
    type Typed = CurrentPasswordForm;

    fn path(_: &Plain) -> String {
        address::PROFILE_AUTHENTICATOR.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    async fn view(app: &App, who: &SignedIn, _: &Plain, form: Form, _: Checked) -> Result<View, Error> {
        let chrome = chrome(app, who).await?;
        Ok(Box::new(move || view! { <ReplaceAuthenticatorPage chrome form /> }.into_any()))
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        _: &Plain,
        typed: CurrentPasswordForm,
    ) -> Result<Self, Box<Again>> {
        let planned = app.portal().people().plan_authenticator(&who.session, typed.given()?).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }
}
