//! Badges that show what countries lack, in the same words and shapes in every list.

use crate::ui::badge::{Badge, Tone};
use crate::ui::icon::Icon;
use domain::overview::lack::Lack;
use leptos::prelude::*;

pub fn tone(lack: Lack) -> Tone {
    match lack {
        Lack::NoKeyInTest | Lack::DueSoon => Tone::Quiet,
        lack if lack.is_bad() => Tone::Bad,
        _ => Tone::Warn,
    }
}

/// Returns the shape for a country: of what it lacks, or for one that lacks nothing.
pub fn shape(lacks: Option<Lack>) -> Icon {
    match lacks {
        None => Icon::Full,
        Some(Lack::Damaged | Lack::Refused) => Icon::Close,
        Some(Lack::NoKey | Lack::NoKeyInTest) => Icon::Ring,
        Some(Lack::Unreachable | Lack::Rotate | Lack::LimitNear | Lack::DueSoon) => Icon::Half,
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
    view! { <Badge tone=tone(lack) label icon=shape(Some(lack)) /> }
}
