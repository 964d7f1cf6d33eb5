//! The status of a key version.

use crate::ui::badge::{Badge, Tone};
use domain::keys::key_version::Status;
use leptos::prelude::*;

#[component]
pub fn StatusBadge(status: Status) -> impl IntoView {
    let tone = match status {
        Status::Active => Tone::Ok,
        Status::Deprecated => Tone::Quiet,
    };
    view! { <Badge tone label=status.label() /> }
}
