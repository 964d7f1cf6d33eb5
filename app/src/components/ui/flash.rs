//! What happened and what follows, said once after a change.

use leptos::prelude::*;

#[component]
pub fn FlashMessage(message: String) -> impl IntoView {
    view! {
        <p class="flash" role="status">
            {message}
        </p>
    }
}
