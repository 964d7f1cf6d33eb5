//! The message of a page that has nothing to show yet, and the first step.

use crate::ui::icon::{Draw, Icon};
use leptos::prelude::*;

#[component]
pub fn Empty(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="empty">
            <Draw icon=Icon::Key />
            <h2>{title}</h2>
            {children()}
        </div>
    }
}
