//! Forms for a customer's AWS account. Keystead keeps a typed secret sealed while the form is shown again, for this address and
//! no other.

use crate::App;
use crate::pages::changes::two_step::Again;
use crate::web::failure::Failure;
use crate::web::forms::AtScope;
use crate::web::forms::{NoFields, Typed};
use crate::web::page::{Page, chrome};
use crate::web::redirect::see;
use crate::web::visitor::SignedIn;
use app::pages::AwsGuidePage;
use app::pages::custody::aws_fields::Checked;
use axum::extract::State;
use axum::response::Response;
use domain::base::address;
use domain::base::form::Form;
use domain::base::typed::{is_blank_text, trimmed};
use domain::custody::aws::{
    AccessKeyId, EncryptedDataKey, KeyArn, Pasted, Region, ShownField, decrypt_only_policy, paste,
    secret_access_key,
};
use domain::custody::preflight::{FailureCode, Report};
use engine::base::error::CustodyError;
use engine::custody::kms::KmsCredentials;
use engine::{AwsAsked, Error, SecretText};
use leptos::prelude::*;
use serde::Deserialize;

/// The note under which the secret is kept, and its fields.
const NOTE: &str = "customer key form";
const SECRET: &str = "secret_access_key";
/// The fields that say who asks KMS.
pub const CREDENTIALS: [&str; 2] = ["access_key_id", SECRET];
/// Those of a new key.
pub const KEY: [&str; 5] = ["region", "encrypted_key", "cmk_arn", CREDENTIALS[0], CREDENTIALS[1]];
const AT: &str = "at";

/// The fields of a new key.
pub struct AwsForm {
    pub region: String,
    pub encrypted_key: String,
    pub cmk_arn: String,
    pub accepts_same: String,
    pub credentials: CredentialsForm,
}

/// The fields of "Replace credentials".
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialsForm {
    pub access_key_id: String,
    pub secret_access_key: SecretText,
    pub paste: SecretText,
    /// The button "Fill in the fields" was pressed.
    pub fill: String,
    pub accepts_more: String,
}

/// The form of a new key, once it has been read.
pub struct ReadKey {
    pub form: Form,
    pub policy: Option<String>,
    pub asked: AwsAsked,
}

/// Marks the secret as kept if one is kept.
///
/// # Errors
/// When the database fails.
pub async fn keeping(app: &App, who: &SignedIn, path: &str, form: Form) -> Result<Form, Error> {
    Ok(if kept(app, who, path).await?.is_some() { form.keeping(SECRET) } else { form })
}

async fn kept(app: &App, who: &SignedIn, path: &str) -> Result<Option<SecretText>, Error> {
    let mut kept = app.portal().notes().kept(&who.session, NOTE).await?;
    // A secret that was typed for one scope must not serve another.
    let is_of_here = kept.get(AT).is_some_and(|at| at.same_as(&SecretText::new(path)));
    Ok(kept.remove(SECRET).filter(|_| is_of_here))
}

/// Forgets the secret, which is no longer needed.
///
/// # Errors
/// When the database fails.
pub async fn forget(app: &App, who: &SignedIn) -> Result<(), Error> {
    app.portal().notes().keep(&who.session, NOTE, &[]).await
}

/// Returns the typed secret and keeps it from now on, or returns the one that was kept before. A text that cannot be a secret
/// is not kept.
async fn secret(
    app: &App,
    who: &SignedIn,
    path: &str,
    typed: SecretText,
) -> Result<Option<SecretText>, Error> {
    if is_blank_text(typed.expose()) {
        return kept(app, who, path).await;
    }
    let Ok(secret) = secret_access_key(typed.expose()).map(SecretText::new) else { return Ok(Some(typed)) };
    app.portal().notes().keep(&who.session, NOTE, &[(SECRET, &secret), (AT, &SecretText::new(path))]).await?;
    Ok(Some(secret))
}

/// Fills in the fields from the pasted text.
pub fn take_pasted(typed: &mut CredentialsForm, form: &mut Form) -> Pasted {
    if is_blank_text(typed.paste.expose()) {
        if !typed.fill.is_empty() {
            form.refuse("paste", "Paste text here first, or fill in the fields below.");
        }
        return Pasted::default();
    }
    match paste(typed.paste.expose()) {
        Ok(mut found) => {
            if let Some(id) = found.access_key_id.clone() {
                typed.access_key_id = id;
            }
            if let Some(secret) = found.secret_access_key.take() {
                typed.secret_access_key = SecretText::new(secret.as_str());
                // Marks the secret as found, without its text.
                found.secret_access_key = Some(Default::default());
            }
            found
        }
        Err(refused) => {
            form.refuse("paste", refused.to_string());
            Pasted::default()
        }
    }
}

/// Returns a value that could be read; else notes the error beside its field.
fn field<T, E: ToString>(form: &mut Form, name: &str, read: Result<T, E>) -> Option<T> {
    read.map_err(|refused| form.refuse(name, refused.to_string())).ok()
}

/// Returns the credentials, or `None` with the errors in the form.
pub async fn read_credentials(
    app: &App,
    who: &SignedIn,
    path: &str,
    typed: CredentialsForm,
    form: &mut Form,
) -> Result<Option<KmsCredentials>, Error> {
    let id = field(form, "access_key_id", AccessKeyId::parse(&typed.access_key_id));
    let secret = secret(app, who, path, typed.secret_access_key).await?.unwrap_or_default();
    let checked = field(form, SECRET, secret_access_key(secret.expose()).map(drop));
    Ok(id.zip(checked).map(|(access_key_id, ())| KmsCredentials { access_key_id, secret_access_key: secret }))
}

/// Returns the form with the typed values that can hold no secret.
pub fn shown(form: Form, region: &str, encrypted_key: &str, cmk_arn: &str, access_key_id: &str) -> Form {
    let form = shown_again(form, "region", ShownField::Region, region);
    let form = shown_again(form, "encrypted_key", ShownField::EncryptedKey, encrypted_key);
    let form = shown_again(form, "cmk_arn", ShownField::CmkArn, cmk_arn);
    shown_again(form, "access_key_id", ShownField::AccessKeyId, access_key_id)
}

/// Adds a field as it was typed. A field that may hold a secret stays empty and says why.
pub fn shown_again(form: Form, name: &str, field: ShownField, typed: &str) -> Form {
    if field.may_show(typed) {
        return form.with(name, trimmed(typed));
    }
    let refused = match field {
        ShownField::Region => Region::parse(typed).err().map(|refused| refused.to_string()),
        ShownField::EncryptedKey => EncryptedDataKey::parse(typed).err().map(|refused| refused.to_string()),
        ShownField::CmkArn => KeyArn::parse(typed).err().map(|refused| refused.to_string()),
        ShownField::AccessKeyId => AccessKeyId::parse(typed).err().map(|refused| refused.to_string()),
    };
    let mut form = form.with(name, "");
    let why = refused.map(|why| format!("{why} ")).unwrap_or_default();
    form.refuse(name, format!("{why}The value is not shown again because it may contain a secret."));
    form
}

/// Reads the form of a new key.
///
/// # Errors
/// The form again, with its errors, or filled in from the pasted text.
pub async fn read_key(
    app: &App,
    who: &SignedIn,
    path: &str,
    mut typed: AwsForm,
    mut form: Form,
) -> Result<ReadKey, Box<Again>> {
    let found = take_pasted(&mut typed.credentials, &mut form);
    let filled = found.found();
    for (field, pasted) in [
        (&mut typed.region, found.region),
        (&mut typed.encrypted_key, found.encrypted_key),
        (&mut typed.cmk_arn, found.cmk_arn),
    ] {
        *field = pasted.unwrap_or_else(|| std::mem::take(field));
    }
    let mut form =
        shown(form, &typed.region, &typed.encrypted_key, &typed.cmk_arn, &typed.credentials.access_key_id);
    // The ARN is enough to show the policy with which the IAM user can be made.
    let policy = KeyArn::parse(&typed.cmk_arn).ok().as_ref().map(decrypt_only_policy);
    // The button only fills in, so a field that is still empty is no error yet.
    if !typed.credentials.fill.is_empty() {
        let mut again = fill_in(app, who, path, typed.credentials, form, filled).await;
        again.checked.policy = policy;
        return Err(again);
    }
    let accepts_more = typed.credentials.accepts_more == "yes";
    let accepts_same = typed.accepts_same == "yes";
    // Every field is read before the first refusal, so that the form shows all errors at once.
    let region = field(&mut form, "region", Region::parse(&typed.region));
    let data_key = field(&mut form, "encrypted_key", EncryptedDataKey::parse(&typed.encrypted_key));
    let cmk = field(&mut form, "cmk_arn", KeyArn::parse(&typed.cmk_arn));
    if let (Some(region), Some(cmk)) = (&region, &cmk) {
        field(&mut form, "region", cmk.check_region(region));
    }
    // Also when another field is wrong: Keystead keeps the typed secret while the person corrects the rest.
    let with = match read_credentials(app, who, path, typed.credentials, &mut form).await {
        Ok(with) => with,
        Err(error) => return Err(Again::because(form, error)),
    };
    match (region, data_key, cmk, with) {
        (Some(region), Some(data_key), Some(cmk), Some(with)) if !form.is_refused() => {
            let KmsCredentials { access_key_id, secret_access_key } = with;
            let asked = AwsAsked {
                region,
                cmk,
                data_key,
                access_key_id,
                secret_access_key,
                accepts_more,
                accepts_same,
            };
            Ok(ReadKey { form, policy, asked })
        }
        _ => Err(Box::new(Again { form, checked: Checked { policy, ..Checked::default() }, error: None })),
    }
}

/// Returns the form filled in from the pasted text; keeps the secret.
pub async fn fill_in(
    app: &App,
    who: &SignedIn,
    path: &str,
    typed: CredentialsForm,
    form: Form,
    filled: Vec<&'static str>,
) -> Box<Again> {
    match secret(app, who, path, typed.secret_access_key).await {
        Ok(_) => Box::new(Again { form, error: None, checked: Checked { filled, ..Checked::default() } }),
        Err(error) => Again::because(form, error),
    }
}

/// Returns the form of a refused plan, with every line of the pre-flight if it ran. Of the form's `fields`, the one that the failed
/// check is about is marked.
pub fn found(mut form: Form, fields: &[&str], policy: Option<String>, error: Error) -> Box<Again> {
    let report = match &error {
        Error::Custody(CustodyError::Preflight(report)) => Some((**report).clone()),
        _ => None,
    };
    if let Some(line) =
        report.as_ref().and_then(Report::first_failure).filter(|line| line.check.is_positive())
    {
        let field = line.code.as_ref().and_then(FailureCode::field);
        if let Some(field) = field.filter(|field| fields.contains(field)) {
            let said = format!("The check \"{}\" failed. The results above say why.", line.check.label());
            form.refuse(field, said);
        }
    }
    let checked = Checked { policy, report, filled: Vec::new() };
    Box::new(Again { form, error: Some(error), checked })
}

/// Handles "Check now": runs the pre-flight again, then leads to the version's page with the result.
pub async fn check_now(
    State(app): State<App>,
    who: SignedIn,
    at: AtScope,
    _: Typed<NoFields>,
) -> Result<Response, Failure> {
    let number = at.version()?;
    let checked = app.portal().custody().check_now(&who.session, &at.scope, number).await;
    let page = address::version(&at.scope, number);
    let said = |report: &Report| format!("Version {number} was checked. {}.", report.summary());
    match checked {
        Ok(report) if report.blocks() || report.warns() => {
            app.portal().notes().put_warning(&who.session, &page, &said(&report)).await;
        }
        Ok(report) => app.portal().notes().put_flash(&who.session, &page, &said(&report)).await,
        Err(error @ Error::Custody(CustodyError::PreflightsTooMany { .. })) => {
            app.portal()
                .notes()
                .put_warning(&who.session, &page, &domain::Problem::from(&error).message)
                .await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(see(&page))
}

pub async fn guide(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let chrome = chrome(&app, &who).await?;
    Ok(Page::framed(&who, "Prepare your AWS account").show(&app, move || view! { <AwsGuidePage chrome /> }))
}
