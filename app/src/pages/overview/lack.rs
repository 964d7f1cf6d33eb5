//! Badges that show what countries lack, in the same words and shapes in every list.

use crate::ui::badge::{Badge, Tone};
use domain::overview::lack::Lack;
use leptos::prelude::*;

pub fn tone(lack: Lack) -> Tone {
    match lack {
        Lack::NoKeyInTest => Tone::Quiet,
        lack if lack.is_bad() => Tone::Bad,
        _ => Tone::Warn,
    }
}

#[component]
pub fn LackBadge(
    lack: Lack,
    /// Number of countries in a list that lack it.
    #[prop(optional_no_strip)]
    countries: Option<usize>,
) -> impl IntoView {
    let label = match countries {
        Some(number) => format!("{}: {number}", lack.label()),
        None => lack.label().to_owned(),
    };
    view! { <Badge tone=tone(lack) label /> }
}
