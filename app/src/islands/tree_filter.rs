//! Filters the tree while the person types in the box above it.

use domain::base::typed::trimmed;
use leptos::prelude::*;
use web_sys::{Element, HtmlInputElement, wasm_bindgen::JsCast};

#[island]
pub fn TreeFilter(children: Children) -> impl IntoView {
    let node = NodeRef::<leptos::html::Span>::new();
    let filter = move |event: leptos::ev::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let (Some(input), Some(root)) = (input, node.get_untracked()) else { return };
        let wanted = trimmed(&input.value()).to_lowercase();
        for item in super::find_all::<Element>(&root, "[data-find]") {
            let found = item.get_attribute("data-find").is_some_and(|words| words.contains(&wanted));
            let _ = item.toggle_attribute_with_force("hidden", !found);
        }
        for branch in super::find_all::<Element>(&root, "details").iter().filter(|_| !wanted.is_empty()) {
            let _ = branch.set_attribute("open", "");
        }
    };
    view! {
        <span class="island" node_ref=node on:input=filter>
            {children()}
        </span>
    }
}
