//! Prints the page. Without script the button is not shown; the browser's own menu prints the page, too.

use leptos::prelude::*;

#[island]
pub fn PrintButton() -> impl IntoView {
    let print = move |_| drop(window().print());
    view! {
        <button class="button needs-script" r#type="button" data-weight="secondary" on:click=print>
            "Print"
        </button>
    }
}
