//! Shows the URL that a new environment will have, while its name is typed into the field that it wraps.

use domain::base::address;
use domain::scopes::scope::Slug;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

#[island]
pub fn UrlPreview(children: Children) -> impl IntoView {
    let node = NodeRef::new();
    let url = RwSignal::new(None::<String>);
    let show = move |name: &str| url.set(Slug::from_name(name).map(|slug| address::environment(&slug)));
    super::on_wake(node, move |root| {
        if let Some(input) = super::find::<HtmlInputElement>(&root, "input") {
            show(&input.value());
        }
    });
    view! {
        <span class="island url-preview" node_ref=node on:input=move |event| show(&event_target_value(&event))>
            {children()}
            <span class="hint">
                {move || url.get().map(|url| view! { "URL: " <code>{url}</code> })}
            </span>
        </span>
    }
}
