//! "Replace credentials".

use super::aws::{
    CREDENTIALS, CredentialsForm, fill_in, forget, found, keeping, read_credentials, shown_again, take_pasted,
};
use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::ReplaceCredentialsPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::custody::aws::ShownField;
use domain::custody::command::ReplaceCredentials;
use domain::custody::view::AwsKeyView;
use engine::Error;
use engine::base::error::CustodyError;
use leptos::prelude::*;

/// Returns the customer's key that the address names.
async fn key_at(app: &App, at: &AtScope) -> Result<AwsKeyView, Error> {
    let key = app.portal().custody().aws_key(&at.scope, at.version()?).await?;
    key.ok_or(Error::Custody(CustodyError::NotHeld))
}

impl ChangeForm for ReplaceCredentials {
    const HEADING: &'static str = "Replace credentials";
    type At = AtScope;
    type Typed = CredentialsForm;

    fn path(at: &AtScope) -> String {
        address::version_credentials(&at.scope, at.number.unwrap_or_default())
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope && Some(self.number) == at.number
    }

    async fn view(
        app: &App,
        who: &SignedIn,
        at: &AtScope,
        form: Form,
        checked: Checked,
    ) -> Result<View, Error> {
        let (key, number) = (key_at(app, at).await?, at.version()?);
        let form = keeping(app, who, &Self::path(at), form).await?;
        let FirstStep { chrome, scope, environment_name, form } = FirstStep::load(app, who, at, form).await?;
        Ok(Box::new(move || {
            view! { <ReplaceCredentialsPage chrome scope environment_name number key form checked /> }
                .into_any()
        }))
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        at: &AtScope,
        mut typed: CredentialsForm,
    ) -> Result<Self, Box<Again>> {
        let mut form = Form::new();
        let filled = take_pasted(&mut typed, &mut form).found();
        let mut form = shown_again(form, "access_key_id", ShownField::AccessKeyId, &typed.access_key_id);
        let path = Self::path(at);
        if !typed.fill.is_empty() {
            return Err(fill_in(app, who, &path, typed, form, filled).await);
        }
        let accepts_more = typed.accepts_more == "yes";
        let planned = async {
            let Some(with) = read_credentials(app, who, &path, typed, &mut form).await? else {
                return Ok(None);
            };
            let (session, number) = (&who.session, at.version()?);
            app.portal()
                .custody()
                .plan_replace_credentials(session, &at.scope, number, with, accepts_more)
                .await
                .map(Some)
        };
        match planned.await {
            Ok(Some(command)) => Ok(command),
            Ok(None) => Err(Again::form(form)),
            Err(error) => {
                let policy = key_at(app, at).await.ok().map(|key| key.policy);
                Err(found(form, &CREDENTIALS, policy, error))
            }
        }
    }

    fn filled(&self) -> Form {
        Form::new().with("access_key_id", self.to.access_key_id.as_str())
    }

    async fn forget(app: &App, who: &SignedIn) -> Result<(), Error> {
        forget(app, who).await
    }
}
