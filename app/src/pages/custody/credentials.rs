//! "Replace credentials": other IAM credentials for the existing data key.

use crate::pages::custody::aws_fields::{Checked, CredentialFields, Findings, Paste};
use crate::pages::keys::forms::Parameters;
use crate::ui::facts::{Fact, Facts};
use domain::base::form::Form;
use domain::custody::view::AwsKeyView;
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn ReplaceCredentialsPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    number: u32,
    key: AwsKeyView,
    form: Form,
    checked: Checked,
) -> impl IntoView {
    view! {
        <Parameters chrome heading="Replace credentials" scope environment_name form>
            <Findings checked />
            <p>
                "Version " {number}
                " and its data key do not change. Keystead will call KMS with the new credentials."
            </p>
            <Facts>
                <Fact label="CMK ARN">
                    <code class="wrap">{key.cmk_arn}</code>
                </Fact>
                <Fact label="Current credentials">
                    <code>{key.access_key_id}</code>
                </Fact>
            </Facts>
            <Paste hint="The credentials CSV from the IAM console, or the output of aws iam create-access-key." />
            <CredentialFields />
        </Parameters>
    }
}
