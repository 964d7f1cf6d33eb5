//! A message inside a page that must not be missed.

use crate::ui::badge::Tone;
use crate::ui::icon::{Draw, Icon};
use leptos::prelude::*;

#[component]
pub fn Callout(
    tone: Tone,
    #[prop(optional, into)] title: Option<String>,
    children: Children,
) -> impl IntoView {
    let icon = if matches!(tone, Tone::Warn | Tone::Bad) { Icon::Warning } else { Icon::Info };
    view! {
        <div class="callout" data-tone=tone.word()>
            <Draw icon />
            <div>{title.map(|title| view! { <p class="callout-title">{title}</p> })} {children()}</div>
        </div>
    }
    .into_any()
}
