//! The fields for a customer's AWS account, and the paste box that fills them in.

use crate::islands::paste_box::PasteBox;
use crate::pages::custody::preflight::Preflight;
use crate::ui::badge::Tone;
use crate::ui::callout::Callout;
use crate::ui::checkbox::Checkbox;
use crate::ui::copy::Copyable;
use crate::ui::field::Field;
use crate::ui::form::OtherButton;
use crate::ui::text_area::TextArea;
use domain::custody::aws::Region;
use domain::custody::preflight::Report;
use leptos::prelude::*;

/// The findings of the last "Next", shown again with the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub report: Option<Report>,
    /// The least-privilege policy for the ARN that was typed.
    pub policy: Option<String>,
    /// The labels of the fields that the paste box filled in.
    pub filled: Vec<&'static str>,
}

/// The paste box. Its button works without script.
#[component]
pub fn Paste(hint: &'static str) -> impl IntoView {
    view! {
        <PasteBox>
            <TextArea name="paste" label="Paste here" hint rows=3 />
            <OtherButton name="fill" label="Fill in the fields" />
        </PasteBox>
    }
}

#[component]
pub fn AwsKeyFields() -> impl IntoView {
    view! {
        <Field
            name="region"
            label="Region"
            hint="The AWS region of the key, like eu-central-1."
            suggestions=Region::known().collect()
        />
        <TextArea
            name="encrypted_key"
            label="Encrypted key"
            hint="The CiphertextBlob that aws kms generate-data-key-without-plaintext prints (base64)."
        />
        <Field
            name="cmk_arn"
            label="Customer managed key (CMK) ARN"
            hint="The ARN of the key that encrypted the data key: arn:aws:kms:…:key/…"
        />
    }
}

/// The note shown during the call to KMS. It appears only with script, which marks the form as busy for the stylesheet.
#[component]
pub fn AskingKms() -> impl IntoView {
    view! { <p class="busy-note hint">"Checking with the customer's KMS. This can take up to ten seconds."</p> }
}

#[component]
pub fn CredentialFields() -> impl IntoView {
    view! {
        <Field
            name="access_key_id"
            label="IAM access key ID"
            hint="The access key ID of an IAM user that may only decrypt with this key."
        />
        <Field name="secret_access_key" label="IAM secret key" kind="masked" />
        <AskingKms />
    }
}

/// The result of the pre-flight, the policy to copy, and the box to tick where the form needs it.
#[component]
pub fn Findings(checked: Checked) -> impl IntoView {
    let Checked { report, policy, filled } = checked;
    // While a positive check fails, accepting more permissions would not help, so the form offers no box for it.
    let usable = report.as_ref().filter(|report| !report.blocks());
    let needs_tick = usable.is_some_and(Report::warns);
    let also = usable.and_then(Report::also);
    let tone = if usable.is_some() { Tone::Warn } else { Tone::Bad };
    view! {
        {(!filled.is_empty())
            .then(|| {
                view! {
                    <Callout tone=Tone::Ok title="Filled in">
                        <p>{filled.join(", ")} ". Review these fields, then choose Next."</p>
                    </Callout>
                }
            })}
        {report
            .map(|report| {
                view! {
                    <Callout tone title="KMS check results">
                        <Preflight report />
                    </Callout>
                }
            })}
        {policy.map(|policy| view! { <Policy policy /> })}
        {needs_tick
            .then(|| {
                view! {
                    <Checkbox
                        name="accepts_more"
                        label="Accept credentials that may be able to do more than decrypt"
                    />
                }
            })}
        {also
            .map(|names| {
                view! {
                    <Callout tone=Tone::Warn title="This key is in use already">
                        <p>{format!("It is the key of {names}. Each scope should have a key of its own.")}</p>
                    </Callout>
                    <Checkbox name="accepts_same" label="Use the same key here as well" />
                }
            })}
    }
}

/// The least-privilege policy, ready to copy.
#[component]
pub fn Policy(policy: String) -> impl IntoView {
    view! {
        <details class="policy">
            <summary>"IAM policy that allows only Decrypt with this key"</summary>
            <Copyable text=policy />
        </details>
    }
}
