//! A bar that shows the used part of a limit.

use crate::ui::badge::Tone;
use leptos::prelude::*;

#[component]
pub fn Meter(label: &'static str, used: u32, limit: u32, tone: Tone) -> impl IntoView {
    view! {
        <progress
            class="meter"
            data-tone=tone.word()
            aria-label=label
            value=used.to_string()
            max=limit.to_string()
        ></progress>
    }
}
