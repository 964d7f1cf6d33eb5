//! "Next steps": what is left to do after the first encryption key of the portal.

use crate::ui::badge::{Badge, Tone};
use crate::ui::card::Card;
use domain::base::address;
use domain::overview::next_steps::{NextStep, NextSteps};
use leptos::prelude::*;

#[component]
pub fn NextStepsCard(
    steps: NextSteps,
    /// The recovery codes of the person who looks wait to be saved.
    has_unsaved_codes: bool,
) -> impl IntoView {
    let scope = steps.scope.to_string();
    let rows =
        steps.all().map(|(step, is_done)| view! { <Step step is_done scope=scope.clone() /> }.into_any());
    let codes = has_unsaved_codes.then(|| {
        view! {
            <Line is_done=false>
                <a href=address::PROFILE_RECOVERY_CODES_SHOW>"Save your recovery codes"</a>
                <p class="hint">"With a recovery code you can sign in without your phone."</p>
            </Line>
        }
    });
    view! {
        <Card title="Next steps">
            <ol class="next-steps">{codes} {rows.into_iter().collect_view()}</ol>
        </Card>
    }
    .into_any()
}

#[component]
fn Line(is_done: bool, children: Children) -> impl IntoView {
    let (tone, label) = if is_done { (Tone::Ok, "Done") } else { (Tone::Warn, "Open") };
    view! {
        <li>
            <Badge tone label />
            <div>{children()}</div>
        </li>
    }
}

#[component]
fn Step(step: NextStep, is_done: bool, scope: String) -> impl IntoView {
    let words = match step {
        NextStep::ApiKey => view! {
            <a href=address::API_KEY_ADD>"Create an API key"</a>
            <p class="hint">{format!("Your service authenticates with an API key that reaches {scope}.")}</p>
        }
        .into_any(),
        NextStep::Service => view! {
            <a href=address::API_GUIDE>"Encrypt from your service"</a>
            <p class="hint">
                {format!("The guide has commands to try. Keystead shows the first use in {scope} after a few seconds.")}
            </p>
        }
        .into_any(),
        NextStep::Administrator => view! {
            <strong>"Add a second administrator"</strong>
            <p class="hint">
                "Then somebody can sign in when you cannot. An operator runs "
                <code>"keystead admin create --email ADDRESS"</code> " on the host."
            </p>
        }
        .into_any(),
        NextStep::Backup => view! {
            <strong>"Make the first backup"</strong>
            <p class="hint">
                "An operator runs " <code>"keystead backup FILE"</code>
                " on the host, best every day, and keeps the root key apart from the backups."
            </p>
        }
        .into_any(),
    };
    view! { <Line is_done>{words}</Line> }
}
