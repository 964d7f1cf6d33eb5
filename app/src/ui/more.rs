//! "More": a menu of actions that are rarely needed.

use leptos::prelude::*;

#[component]
pub fn More(children: Children) -> impl IntoView {
    view! {
        <details class="menu more">
            <summary class="button" data-weight="secondary">
                "More"
            </summary>
            <div class="menu-sheet">{children()}</div>
        </details>
    }
    .into_any()
}
