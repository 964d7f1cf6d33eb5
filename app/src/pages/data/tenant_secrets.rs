//! "Tenant secrets": the secrets from which keys for deterministic fields and vectors are derived, and their rotation.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::{PageHead, about_scope};
use crate::pages::keys::list::keys_crumbs;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::card::Card;
use crate::ui::checkbox::Checkbox;
use crate::ui::danger_form::DangerForm;
use crate::ui::empty::Empty;
use crate::ui::facts::{Fact, Facts};
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::data::tenant_secret::{RotationStep, SecretType};
use domain::data::view::{PreviousUses, TenantSecretsView};
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
        Some(RotationStep::Begin) => view! {
            <ChangeSteps />
            <PostForm form>
                <Counts secrets />
                <p>
                    "Beginning a rotation creates new secrets and makes them current; services receive old and new. After your "
                    "services have migrated their fields and vectors, finish the rotation to stop serving the old secrets."
                </p>
                <input type="hidden" name="step" value=RotationStep::Begin.word() />
                <Actions>
                    <ButtonLink label="Cancel" href=keys />
                    <Button label="Next" weight=Weight::Primary />
                </Actions>
            </PostForm>
        }
        .into_any(),
        Some(RotationStep::Finish) => view! {
            <ChangeSteps />
            <Finish scope=scope.clone() secrets form back=keys />
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

/// "Finish rotation": the evidence, the statement of what becomes unreadable, and the form.
#[component]
fn Finish(scope: ScopeName, secrets: TenantSecretsView, form: Form, back: String) -> impl IntoView {
    let PreviousUses { count, .. } = secrets.uses;
    let (often, reason) = (secrets.uses.text(), secrets.uses.reason());
    let ended = match secrets.previous {
        1 => "Keystead stops serving the previous secret. Data still encrypted with it becomes unreadable."
            .to_owned(),
        previous => format!(
            "Keystead stops serving the {previous} previous secrets. Data still encrypted with them becomes unreadable."
        ),
    };
    let tick = (count > 0)
        .then(|| format!("Services received keys of the previous secrets {often}. Finish anyway."));
    view! {
        <Counts secrets />
        <p>
            "Services receive the new and the previous secrets. Finish the rotation after they have migrated all "
            "their fields and vectors (" <code>"rotate_fields"</code> ", " <code>"rotateField"</code> ", "
            <code>"rotate_vectors"</code> ")."
        </p>
        <Card title="Use of the previous secrets">
            <Facts>
                <Fact label="Keys handed out">{often}</Fact>
            </Facts>
            {reason.map(|reason| view! { <p>{reason}</p> })}
            <p>
                "While a rotation is under way, Keystead answers each request for a derived key with the keys of both secrets, and "
                "counts each key of a previous secret. The count shows whether services still ask. It does not show which of the two "
                "keys a service uses, and a service that has cached a derived key does not ask again. Each server adds its counts every "
                "five seconds."
            </p>
        </Card>
        <Callout tone=Tone::Bad title="This cannot be undone">
            <p>{ended}</p>
        </Callout>
        <DangerForm form name=scope.to_string() back first=false>
            <input type="hidden" name="step" value=RotationStep::Finish.word() />
            <input type="hidden" name="seen_uses" value=count.to_string() />
            {tick
                .map(|sentence| {
                    view! { <Checkbox name="accepts_uses" label="Services still ask" sentence /> }
                })}
        </DangerForm>
    }
    .into_any()
}
