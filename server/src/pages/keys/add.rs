//! "Add encryption key", of every type.

use crate::App;
use crate::pages::changes::in_scope::FirstStep;
use crate::pages::changes::two_step::{Again, ChangeForm, View};
use crate::pages::custody::aws;
use crate::pages::custody::aws::{AwsForm, CredentialsForm};
use crate::pages::keys::period::{period_form, read_period};
use crate::web::forms::AtScope;
use crate::web::visitor::SignedIn;
use app::pages::AddKeyPage;
use app::pages::custody::aws_fields::Checked;
use domain::base::address;
use domain::base::form::Form;
use domain::custody::vendor::Vendor;
use domain::keys::command::{CreateKey, Source};
use domain::keys::key_type::KeyType;
use domain::keys::rotation::RotationPeriod;
use engine::{Error, SecretText};
use leptos::prelude::*;
use serde::Deserialize;

/// The fields of the first step. Keystead does not use the fields of a type that was not chosen.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddForm {
    key_type: String,
    rotation_days: String,
    region: String,
    encrypted_key: String,
    cmk_arn: String,
    access_key_id: String,
    secret_access_key: SecretText,
    paste: SecretText,
    fill: String,
    accepts_more: String,
    accepts_same: String,
}

impl AddForm {
    /// Returns the fields that are shown again, whichever type was chosen.
    fn shown(&self) -> Form {
        let form = Form::new().with("key_type", &self.key_type).with("rotation_days", &self.rotation_days);
        // The pasted text may still replace the typed fields.
        if KeyType::from_word(&self.key_type) == Some(KeyType::CustomerHeld(Vendor::Aws)) {
            return form;
        }
        aws::shown(form, &self.region, &self.encrypted_key, &self.cmk_arn, &self.access_key_id)
    }

    fn aws(self) -> AwsForm {
        let Self { region, encrypted_key, cmk_arn, accepts_same, .. } = self;
        let Self { access_key_id, secret_access_key, paste, fill, accepts_more, .. } = self;
        let credentials = CredentialsForm { access_key_id, secret_access_key, paste, fill, accepts_more };
        AwsForm { region, encrypted_key, cmk_arn, accepts_same, credentials }
    }
}

impl ChangeForm for CreateKey {
    const HEADING: &'static str = "Add encryption key";
    type At = AtScope;
    type Typed = AddForm;

    fn path(at: &AtScope) -> String {
        address::key_add(&at.scope)
    }

    fn is_at(&self, at: &AtScope) -> bool {
        self.scope.name == at.scope
    }

    async fn form(_: &App, _: &SignedIn, _: &AtScope) -> Result<Form, Error> {
        Ok(period_form(RotationPeriod::default()))
    }

    async fn view(
        app: &App,
        who: &SignedIn,
        at: &AtScope,
        form: Form,
        checked: Checked,
    ) -> Result<View, Error> {
        let form = aws::keeping(app, who, &Self::path(at), form).await?;
        let (FirstStep { chrome, scope, environment_name, form }, limits) =
            FirstStep::with_limits(app, who, at, form).await?;
        Ok(Box::new(move || {
            view! { <AddKeyPage chrome scope environment_name limits form checked /> }.into_any()
        }))
    }

    async fn plan(app: &App, who: &SignedIn, at: &AtScope, typed: AddForm) -> Result<Self, Box<Again>> {
        let mut form = typed.shown();
        match KeyType::from_word(&typed.key_type) {
            // No page offers imported keys yet.
            Some(KeyType::Imported) | None => {
                form.refuse("key_type", "Choose a key type.");
                Err(Again::form(form))
            }
            Some(KeyType::Managed) => {
                let period = read_period(&typed.rotation_days, &mut form);
                let Some(period) = period else { return Err(Again::form(form)) };
                let planned = app.portal().keys().plan_create(&who.session, &at.scope, period).await;
                planned.map_err(|error| Again::because(form, error))
            }
            Some(KeyType::CustomerHeld(Vendor::Aws)) => {
                let read = aws::read_key(app, who, &Self::path(at), typed.aws(), form).await?;
                let planned = app.portal().keys().plan_create_aws(&who.session, &at.scope, read.asked).await;
                planned.map_err(|error| aws::found(read.form, &aws::KEY, read.policy, error))
            }
        }
    }

    fn filled(&self) -> Form {
        match &self.source {
            Source::Generated => period_form(self.plan.new.period().unwrap_or_default()),
            Source::Aws(key) => Form::new()
                .with("key_type", KeyType::CustomerHeld(Vendor::Aws).word())
                .with("region", key.region.as_str())
                .with("encrypted_key", key.data_key.to_base64())
                .with("cmk_arn", key.cmk.as_str())
                .with("access_key_id", key.credentials.access_key_id.as_str()),
        }
    }

    async fn forget(app: &App, who: &SignedIn) -> Result<(), Error> {
        aws::forget(app, who).await
    }
}
