//! The second step of every change: what will happen, and the code that makes it happen.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::moment::Until;
use crate::frame::page_head::PageHead;
use crate::pages::custody::aws_fields::Policy;
use crate::pages::custody::preflight::Preflight;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::card::Card;
use crate::ui::code_field::CodeField;
use crate::ui::form::{Actions, PostForm};
use domain::base::form::Form;
use domain::changes::view::PreparedView;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn ConfirmPage(
    chrome: Chrome,
    heading: String,
    /// What it changes: the scope, or the account.
    about: String,
    crumbs: Vec<(String, Option<String>)>,
    has_parameters: bool,
    prepared: PreparedView,
    /// What the button does: "Create", "Rotate", "Update".
    verb: String,
    back: String,
    form: Form,
) -> impl IntoView {
    let now = chrome.now;
    let PreparedView { effects, warning, report, policy, expires_at } = prepared;
    view! {
        <Frame chrome crumbs>
            <div class="narrow">
                <PageHead heading about />
                {has_parameters.then(|| view! { <ChangeSteps confirm=true /> })}
                <Card title="What will happen">
                    <ul class="effects">
                        {effects.into_iter().map(|effect| view! { <li>{effect}</li> }).collect_view()}
                    </ul>
                </Card>
                {report
                    .map(|report| {
                        view! {
                            <Card title="What the check against KMS found">
                                <Preflight report />
                            </Card>
                        }
                    })}
                {policy.map(|policy| view! { <Policy policy /> })}
                {warning
                    .map(|warning| {
                        view! {
                            <Callout tone=Tone::Warn>
                                <p>{warning}</p>
                            </Callout>
                        }
                    })}
                <PostForm form>
                    <CodeField />
                    <p class="hint">"This page expires " <Until at=expires_at now /> "."</p>
                    <Actions>
                        <ButtonLink label="Back" href=back />
                        <Button label=verb weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
