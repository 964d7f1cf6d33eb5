//! Shows the URL that a new environment will have, while its name or its URL name is typed into the fields that it wraps.

use domain::base::{address, typed};
use domain::scopes::scope::Slug;
use js_sys::JsString;
use leptos::prelude::*;
use web_sys::{Element, HtmlInputElement};

/// Returns the slug for what stands in the fields; `None` when there is none to derive.
fn slug_in(root: &Element) -> Option<Slug> {
    let value = |field: &str| super::find::<HtmlInputElement>(root, field).map(|input| input.value());
    let chosen = value("input[name=slug]").filter(|chosen| !typed::is_blank_text(chosen));
    match chosen {
        Some(chosen) => Slug::typed(&chosen).ok(),
        // The browser decomposes letters with accents as the server does, without a table in this program.
        None => Slug::proposed(&String::from(JsString::from(value("input[name=name]")?).normalize("NFD"))),
    }
}

#[island]
pub fn UrlPreview(children: Children) -> impl IntoView {
    let node = NodeRef::<leptos::html::Span>::new();
    let url = RwSignal::new(None::<String>);
    let show = move |root: &Element| url.set(slug_in(root).map(|slug| address::environment(&slug)));
    super::on_wake(node, move |root| show(&root));
    let typed = move |_| {
        if let Some(root) = node.get_untracked() {
            show(&root);
        }
    };
    view! {
        <span class="island url-preview" node_ref=node on:input=typed>
            {children()}
            <span class="hint">
                {move || url.get().map(|url| view! { "URL: " <code>{url}</code> })}
            </span>
        </span>
    }
}
