//! The status of a key version.

use crate::ui::badge::{Badge, Tone};
use domain::keys::key_version::Status;
use leptos::prelude::*;

#[component]
pub fn StatusBadge(
    status: Status,
    /// Keystead wrote the version's row, and it opens.
    is_proved: bool,
) -> impl IntoView {
    let tone = match status {
        Status::Active => Tone::Ok,
        Status::Deprecated => Tone::Quiet,
    };
    view! {
        <Badge tone label=status.label() />
        {(!is_proved).then(|| view! { <Damaged /> })}
    }
}

/// Marks a row of the database that Keystead did not write, or that does not open. Nothing uses it.
#[component]
pub fn Damaged() -> impl IntoView {
    view! { <Badge tone=Tone::Bad label="Damaged" /> }
}
