//! The name and the logo: a keystone with a keyhole.

use leptos::prelude::*;

/// The name beside the logo, which the server provides as a context: "Keystead", with the name of the installation.
#[derive(Clone)]
pub struct BrandName(pub String);

impl BrandName {
    pub(crate) fn here() -> String {
        use_context().map_or_else(|| "Keystead".to_owned(), |Self(name)| name)
    }
}

#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <span class="brand">
            <svg class="brand-sign" viewBox="0 0 24 24" aria-hidden="true">
                <path d="M2.5 3h19l-4.25 18h-10.5z" />
                <path
                    class="brand-keyhole"
                    d="M12 7a2.6 2.6 0 0 1 1.35 4.82L14.2 16.5H9.8l.85-4.68A2.6 2.6 0 0 1 12 7z"
                />
            </svg>
            {BrandName::here()}
        </span>
    }
}
