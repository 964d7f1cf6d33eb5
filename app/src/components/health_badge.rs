//! Whether a customer's KMS releases a key, since when, and the code that says why not.

use super::moment::Moment;
use super::ui::badge::{Badge, Tone};
use domain::health::{Health, HealthState};
use leptos::prelude::*;

#[component]
pub fn HealthBadge(health: Health) -> impl IntoView {
    let tone = match health.state {
        HealthState::Healthy => Tone::Ok,
        HealthState::Refused => Tone::Bad,
        HealthState::Unreachable => Tone::Warn,
    };
    let why = health.code.map(|code| {
        view! {
            <span class="cell-note">
                "since " <Moment at=health.since /> " · " <code>{code.to_string()}</code>
            </span>
        }
    });
    view! {
        <span class="health" data-health=health.state.word()>
            <Badge tone label=health.state.label() />
            {why}
        </span>
    }
}
