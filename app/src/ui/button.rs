//! A submit button, or a link in the form of a button that leads to a form.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    Primary,
    #[default]
    Secondary,
    Danger,
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Danger => "danger",
        }
    }
}

#[component]
pub fn Button(#[prop(into)] label: String, #[prop(optional)] weight: Weight) -> impl IntoView {
    view! {
        <button class="button" r#type="submit" data-weight=weight.word()>
            {label}
        </button>
    }
}

#[component]
pub fn ButtonLink(
    #[prop(into)] label: String,
    #[prop(into)] href: String,
    #[prop(optional)] weight: Weight,
) -> impl IntoView {
    view! {
        <a class="button" href=href data-weight=weight.word()>
            {label}
        </a>
    }
}
