//! The HTML document around every page.

use domain::overview::frame::Theme;
use leptos::config::LeptosOptions;
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
    let options = islands.then(|| {
        LeptosOptions::builder()
            .output_name("keystead")
            // Leptos puts a slash before the folder by itself.
            .site_pkg_dir(assets.trim_start_matches('/').to_owned())
            .build()
    });
    let theme = (theme != Theme::System).then(|| theme.word());
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <title>{format!("{title} · Keystead")}</title>
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
                {options.map(|options| view! { <HydrationScripts options islands=true /> })}
            </head>
            <body>{children()}</body>
        </html>
    }
}
