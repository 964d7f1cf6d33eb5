//! "Tenant secrets": the secrets from which keys for deterministic fields and vectors are derived, and their rotation.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::{PageHead, about_scope};
use crate::pages::keys::list::keys_crumbs;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::empty::Empty;
use crate::ui::facts::{Fact, Facts};
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::data::view::TenantSecretsView;
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

const HEADING: &str = "Tenant secrets";

#[component]
pub fn TenantSecretsPage(
    chrome: Chrome,
    scope: ScopeName,
    environment_name: String,
    secrets: TenantSecretsView,
    form: Form,
) -> impl IntoView {
    let keys = address::keys(&scope);
    let explained = "Services that use IronCore's protocol encrypt deterministic fields and vectors with keys that are \
                     derived from these secrets. Keystead creates one secret for each type and secret path, when a \
                     service first requests it.";
    let body = match secrets.due() {
        None => view! {
            <Empty title="This country has no tenant secrets yet">
                <p>"There is nothing to rotate until a service derives its first key."</p>
                <ButtonLink label="Back to the keys" href=keys />
            </Empty>
        }
        .into_any(),
        Some(step) => view! {
            <ChangeSteps />
            <PostForm form>
                <Counts secrets />
                <NextStep step />
                <input type="hidden" name="step" value=step.word() />
                <Actions>
                    <ButtonLink label="Cancel" href=keys />
                    <Button label="Next" weight=Weight::Primary />
                </Actions>
            </PostForm>
        }
        .into_any(),
    };
    view! {
        <Frame chrome crumbs=keys_crumbs(&scope, &environment_name, Some(HEADING))>
            <div class="narrow">
                <PageHead heading=HEADING about=about_scope(&scope, &environment_name) />
                <p>{explained}</p>
                {body}
            </div>
        </Frame>
    }
}

#[component]
fn Counts(secrets: TenantSecretsView) -> impl IntoView {
    let label = |secret_type| match secret_type {
        SecretType::Search => "Search",
        SecretType::Deterministic => "Deterministic",
        SecretType::Vector => "Vector",
    };
    let counts = secrets.current.into_iter();
    view! {
        <Facts>
            {counts.map(|(of, count)| view! { <Fact label=label(of)>{count}</Fact> }).collect_view()}
            <Fact label="Rotation">
                {match secrets.rotating_since {
                    None => "None under way".into_any(),
                    Some(at) => view! { "Under way since " <Moment at /> }.into_any(),
                }}
            </Fact>
        </Facts>
    }
}

#[component]
fn NextStep(step: RotationStep) -> impl IntoView {
    match step {
        RotationStep::Begin => view! {
            <p>
                "Beginning a rotation creates new secrets and makes them current; services receive old and new. After your "
                "services have migrated their fields and vectors, finish the rotation to stop serving the old secrets."
            </p>
        }
        .into_any(),
        RotationStep::Finish => view! {
            <p>
                "Services receive the new and the previous secrets. Finish the rotation after they have migrated all "
                "their fields and vectors (" <code>"rotate_fields"</code> ", " <code>"rotateField"</code> ", "
                <code>"rotate_vectors"</code> ")."
            </p>
        }
        .into_any(),
    }
}
