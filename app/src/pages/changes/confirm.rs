//! The second step of every change: its effects, and the verification code that confirms it.

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
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::base::form::Form;
use domain::changes::view::{About, Preview};
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn ConfirmPage(
    chrome: Chrome,
    /// The effects of the change.
    preview: Preview,
    expires_at: DateTime<Utc>,
    /// The change has a first step with a form. Without one, the page shows no stepper.
    has_parameters: bool,
    /// The address of the first step, with the values chosen there.
    back: String,
    form: Form,
) -> impl IntoView {
    let now = chrome.now;
    let Preview { heading, verb, about, effects, warning, report, policy } = preview;
    let (crumbs, about) = (crumbs(&about, heading), about.text());
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
                            <Card title="KMS check results">
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

/// Returns the breadcrumbs of the page, by the subject of the change.
fn crumbs(about: &About, heading: &str) -> Vec<(String, Option<String>)> {
    let link = |text: &str, to: String| (text.to_owned(), Some(to));
    let mut crumbs = match about {
        About::Scope { name, environment_name } => vec![
            link(environment_name, address::environment(&name.environment)),
            (name.country.name().to_owned(), None),
            link("Encryption keys", address::keys(name)),
        ],
        About::Environment { name, slug } => vec![link(name, address::environment(slug))],
        About::Account { .. } => vec![link("Profile", address::PROFILE.to_owned())],
        About::ApiKey { .. } => vec![link("API keys", address::API_KEYS.to_owned())],
    };
    crumbs.push((heading.to_owned(), None));
    crumbs
}
