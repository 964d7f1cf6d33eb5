//! A state, as a word with a shape beside it.

use crate::ui::icon::{Draw, Icon};
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Ok,
    Warn,
    Bad,
    Quiet,
}

impl Tone {
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warn, Self::Bad, Self::Quiet];

    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Ok => Icon::Full,
            Self::Warn => Icon::Half,
            Self::Bad | Self::Quiet => Icon::Ring,
        }
    }
}

#[component]
pub fn Badge(
    tone: Tone,
    #[prop(into)] label: String,
    /// Another shape than that of the tone.
    #[prop(optional)]
    icon: Option<Icon>,
) -> impl IntoView {
    view! {
        <span class="badge" data-tone=tone.word()>
            <Draw icon=icon.unwrap_or(tone.icon()) />
            {label}
        </span>
    }
}
