//! The HTML document around every page.

use crate::frame::brand::BrandName;
use domain::overview::frame::Theme;
use leptos::nonce::use_nonce;
use leptos::prelude::*;

/// The shell of a page: the head, the theme and, only on pages with islands, the script that wakes them.
///
/// `assets` is the folder of the assets, for example `/assets/abc123`.
#[component]
pub fn Document(
    title: String,
    assets: String,
    theme: Theme,
    islands: bool,
    children: Children,
) -> impl IntoView {
    let theme = (theme != Theme::System).then(|| theme.word());
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <title>{format!("{title} · {}", BrandName::here())}</title>
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link
                    rel="preload"
                    href=format!("{assets}/inter.woff2")
                    r#as="font"
                    r#type="font/woff2"
                    crossorigin="anonymous"
                />
                <link rel="stylesheet" href=format!("{assets}/keystead.css") />
                <link rel="icon" r#type="image/svg+xml" href=format!("{assets}/favicon.svg") />
                {islands.then(|| view! { <Hydration assets=assets.clone() /> })}
            </head>
            <body>{children()}</body>
        </html>
    }
}

/// The script that wakes the islands, and the two files that it needs. Only elements that run script carry the nonce, in the one
/// attribute that browsers hide from style sheets.
#[component]
fn Hydration(assets: String) -> impl IntoView {
    let nonce = use_nonce();
    view! {
        <link rel="modulepreload" href=format!("{assets}/keystead.js") nonce=nonce.clone() />
        <link
            rel="preload"
            href=format!("{assets}/keystead.wasm")
            r#as="fetch"
            r#type="application/wasm"
            crossorigin="anonymous"
        />
        <script type="module" src=format!("{assets}/hydrate.js") nonce=nonce></script>
    }
}
