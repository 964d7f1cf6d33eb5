//! Text with a copy button; without script it is only text.

use crate::islands::copy_button::CopyButton;
use leptos::prelude::*;

#[component]
pub fn Copyable(#[prop(into)] text: String) -> impl IntoView {
    view! {
        <CopyButton>
            <code>{text}</code>
        </CopyButton>
    }
}
