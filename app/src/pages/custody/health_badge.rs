//! The health of a key: whether the customer's KMS releases it, since when, and the code of the failure.

use crate::frame::moment::Moment;
use crate::ui::badge::{Badge, Tone};
use crate::ui::icon::Icon;
use domain::custody::health::{Health, HealthState};
use leptos::prelude::*;

/// The state without time and code.
#[component]
pub fn HealthWord(state: HealthState) -> impl IntoView {
    let (tone, icon) = match state {
        HealthState::Healthy => (Tone::Ok, Icon::Full),
        HealthState::Refused | HealthState::Damaged => (Tone::Bad, Icon::Close),
        HealthState::Unreachable => (Tone::Warn, Icon::Half),
    };
    view! { <Badge tone label=state.label() icon /> }
}

#[component]
pub fn HealthBadge(health: Health) -> impl IntoView {
    let why = health.code.map(|code| {
        view! {
            <span class="cell-note">
                <code>{code.to_string()}</code> " since " <Moment at=health.since />
            </span>
        }
    });
    view! {
        <span class="health" data-health=health.state.word()>
            <HealthWord state=health.state />
            {why}
        </span>
    }
}
