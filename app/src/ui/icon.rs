//! Small drawings. Each stands beside a word, never instead of one, or its control has a label.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// `Full`, `Half` and `Ring` are the three states of an object: as it should be, in need of attention, missing.
    Full,
    Half,
    Ring,
    Chevron,
    Close,
    Copy,
    Dark,
    Info,
    Key,
    Light,
    Menu,
    Person,
    Search,
    System,
    Warning,
}

impl Icon {
    pub const ALL: [Self; 15] = [
        Self::Full,
        Self::Half,
        Self::Ring,
        Self::Chevron,
        Self::Close,
        Self::Copy,
        Self::Dark,
        Self::Info,
        Self::Key,
        Self::Light,
        Self::Menu,
        Self::Person,
        Self::Search,
        Self::System,
        Self::Warning,
    ];

    /// Returns the lines of the drawing, on a field of 16 by 16.
    fn path(self) -> &'static str {
        match self {
            Self::Full | Self::Half | Self::Ring => CIRCLE,
            Self::Chevron => "M6 3.5 10.5 8 6 12.5",
            Self::Close => "M4 4l8 8M12 4l-8 8",
            Self::Copy => {
                "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z"
            }
            Self::Dark => "M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z",
            Self::Info => "M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 1 0 0-12.5zM8 7.25v3.75M8 5v.1",
            Self::Key => {
                "M10.25 2.5a3.25 3.25 0 1 0 0 6.5a3.25 3.25 0 1 0 0-6.5zM7.9 8.1 2.75 13.25M4 12l2 2"
            }
            Self::Light => {
                "M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"
            }
            Self::Menu => "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
            Self::Person => {
                "M8 2.5a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 1 0 0-5.5zM2.75 13.5a5.25 4 0 0 1 10.5 0"
            }
            Self::Search => "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zM10.25 10.25 13.5 13.5",
            Self::System => "M2.5 3h11v7.5h-11zM5.5 13.5h5M8 10.5v3",
            Self::Warning => "M8 2.25 14.25 13.25H1.75zM8 6.5v3.25M8 11.4v.1",
        }
    }

    /// Returns the id of its symbol; only the shapes of states are symbols.
    fn id(self) -> &'static str {
        match self {
            Self::Full => "i-full",
            Self::Half => "i-half",
            Self::Ring => "i-ring",
            Self::Close => "i-close",
            _ => "i-other",
        }
    }

    fn filled(self) -> Option<&'static str> {
        match self {
            Self::Full => Some(CIRCLE),
            Self::Half => Some("M8 4a4 4 0 1 1 0 8z"),
            _ => None,
        }
    }
}

const CIRCLE: &str = "M8 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8z";

/// Drawings that a page has so often that it draws each once ([`Use`] refers to them).
#[component]
pub fn Symbols(icons: &'static [Icon]) -> impl IntoView {
    let symbol = |icon: &Icon| {
        view! {
            <symbol id=icon.id() viewBox="0 0 16 16">
                <path d=icon.path() />
                {icon.filled().map(|area| view! { <path class="icon-filled" d=area /> })}
            </symbol>
        }
    };
    view! {
        <svg class="symbols" aria-hidden="true" width="0" height="0">
            {icons.iter().map(symbol).collect_view()}
        </svg>
    }
}

/// A drawing of the page's [`Symbols`].
#[component]
pub fn Use(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" aria-hidden="true">
            <use_ href=format!("#{}", icon.id())></use_>
        </svg>
    }
}

#[component]
pub fn Draw(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=icon.path() />
            {icon.filled().map(|area| view! { <path class="icon-filled" d=area /> })}
        </svg>
    }
}
