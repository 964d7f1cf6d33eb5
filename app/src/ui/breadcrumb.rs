//! The path to the page: production › Germany › Encryption keys.

use crate::ui::icon::{Draw, Icon};
use leptos::prelude::*;

#[component]
pub fn Breadcrumb(crumbs: Vec<(String, Option<String>)>) -> impl IntoView {
    let last = crumbs.len().saturating_sub(1);
    let items = crumbs.into_iter().enumerate().map(|(index, (label, href))| {
        let current = (index == last).then_some("page");
        view! {
            <li>
                {(index > 0).then(|| view! { <Draw icon=Icon::Chevron /> })}
                {match href {
                    Some(href) => view! { <a href=href aria-current=current>{label}</a> }.into_any(),
                    None => view! { <span aria-current=current>{label}</span> }.into_any(),
                }}
            </li>
        }
    });
    view! {
        <nav class="breadcrumb" aria-label="Breadcrumb">
            <ol>{items.collect_view()}</ol>
        </nav>
    }
    .into_any()
}
