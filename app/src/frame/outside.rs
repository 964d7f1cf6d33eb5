//! The frame of pages without a session: the brand and one card.

use crate::frame::brand::Brand;
use crate::islands::page_comforts::PageComforts;
use leptos::prelude::*;

#[component]
pub fn Outside(#[prop(into)] heading: String, children: Children) -> impl IntoView {
    view! {
        <main class="outside">
            <Brand />
            <div class="outside-card">
                <h1>{heading}</h1>
                {children()}
            </div>
        </main>
        <PageComforts />
    }
    .into_any()
}
