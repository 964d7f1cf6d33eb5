//! The first step of each change to a key: its parameters.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::page_head::{PageHead, about_scope};
use crate::pages::custody::aws_fields::{AwsKeyFields, Checked, CredentialFields, Findings, Paste};
use crate::pages::keys::limits_today::LimitsToday;
use crate::pages::keys::list::keys_crumbs;
use crate::pages::keys::rotation_period::RotationPeriodField;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::card::Card;
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use crate::ui::radio_cards::{Choice, RadioCards};
use domain::base::address;
use domain::base::form::Form;
use domain::keys::key_type::KeyType;
use domain::keys::reason::REASON_MAX;
use domain::keys::rotation::RotationPeriod;
use domain::keys::view::{LimitsView, VersionRow};
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn AddKeyPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    limits: LimitsView,
    form: Form,
    checked: Checked,
) -> impl IntoView {
    let now = chrome.now;
    let choices = KeyType::OFFERED.map(|key_type| Choice {
        value: key_type.word(),
        label: key_type.label(),
        explanation: key_type.explanation(),
    });
    view! {
        <Parameters chrome heading="Add encryption key" scope environment_name form>
            // The result of the last "Next" comes first, where the page begins.
            {(checked != Checked::default())
                .then(|| {
                    view! {
                        <div class="for-manual-aws">
                            <Findings checked />
                        </div>
                    }
                })}
            <LimitsToday limits types=&KeyType::OFFERED now />
            <RadioCards
                name="key_type"
                label="Key Type"
                choices=choices.into()
                initial=KeyType::Managed.word()
            />
            <div class="for-managed">
                <RotationPeriodField initial=RotationPeriod::default() from=now now />
            </div>
            <div class="for-manual-aws">
                <p class="hint">
                    "The customer must complete these steps first: "
                    <a href=address::AWS_GUIDE>"Prepare your AWS account"</a> "."
                </p>
                <Paste hint="Paste one or more of: the output of aws kms generate-data-key-without-plaintext (JSON, table or text), the credentials CSV, an AWS credentials [profile]." />
                <AwsKeyFields />
                <CredentialFields />
            </div>
        </Parameters>
    }
}

#[component]
pub fn RotateKeyPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    active: VersionRow,
    limits: LimitsView,
    form: Form,
) -> impl IntoView {
    let (now, next) = (chrome.now, limits.next_number);
    let (daily, used) = (limits.daily, limits.usage(KeyType::Managed));
    let is_reached = daily.after_one_more(used, KeyType::Managed, now).is_err();
    // The limit that nobody can pass.
    let hard = daily.after_one_passing(used, KeyType::Managed, now).err();
    let has_next = hard.is_none();
    let name = scope.to_string();
    let version = move || {
        view! {
            <p>
                "Version " {next} " becomes active. Version " {active.number}
                " becomes Deprecated; it still decrypts."
            </p>
            <RotationPeriodField initial=active.period.unwrap_or_default() from=now now />
        }
    };
    view! {
        <Parameters chrome heading="Rotate encryption key" scope environment_name form has_next>
            <LimitsToday limits types=&[KeyType::Managed] now />
            {match hard {
                Some(_) => {
                    view! {
                        <p>
                            {format!(
                                "“Rotate now” is not possible either: it passes the limit of one type, never that of all types ({} of {} used today).",
                                used.today,
                                daily.per_scope,
                            )}
                        </p>
                    }
                        .into_any()
                }
                None if is_reached => {
                    view! {
                        <Card title="Rotate now">
                            <p>
                                "If the key must be replaced today, you can pass the limit of its type. You cannot pass the limit of all types: "
                                {used.today} " of " {daily.per_scope} " used today."
                            </p>
                            {version()}
                            <Field
                                name="reason"
                                label="Reason"
                                hint=format!(
                                    "Keystead records it in the audit log. At most {REASON_MAX} characters.",
                                )
                            />
                            <Field name="confirm" label="Confirm" hint=format!("Type {name} to confirm.") />
                        </Card>
                    }
                        .into_any()
                }
                None => version().into_any(),
            }}
        </Parameters>
    }
}

#[component]
pub fn EditKeyPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    active: VersionRow,
    form: Form,
) -> impl IntoView {
    let now = chrome.now;
    view! {
        <Parameters chrome heading="Edit encryption key" scope environment_name form>
            <p>
                "The rotation period of version " {active.number}
                " is counted from its creation date. The key material does not change."
            </p>
            <RotationPeriodField initial=active.period.unwrap_or_default() from=active.created_at now />
        </Parameters>
    }
}

/// A page with the heading, the steps, the fields, and the buttons to go back or on.
#[component]
pub(crate) fn Parameters(
    chrome: Chrome,
    heading: &'static str,
    scope: ScopeName,
    environment_name: String,
    form: Form,
    /// The form can be sent. Without it, the page only says why the change is not possible.
    #[prop(default = true)]
    has_next: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <Frame chrome crumbs=keys_crumbs(&scope, &environment_name, Some(heading))>
            <div class="narrow">
                <PageHead heading about=about_scope(&scope, &environment_name) />
                <ChangeSteps />
                <PostForm form>
                    {children()} <Actions>
                        <ButtonLink label="Cancel" href=address::keys(&scope) />
                        {has_next.then(|| view! { <Button label="Next" weight=Weight::Primary /> })}
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
