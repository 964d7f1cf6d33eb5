//! Parses text pasted into the box that it wraps, in the browser, and fills the fields of the form. The form then submits the
//! secret like a typed one. Without script, the form's own button does this on the server.

use domain::base::typed::is_blank_text;
use domain::custody::aws::{Pasted, paste};
use leptos::prelude::*;
use web_sys::{Element, HtmlElement, HtmlInputElement, HtmlTextAreaElement};

const FILLED_IN: &str = "Filled in:";

#[island]
pub fn PasteBox(children: Children) -> impl IntoView {
    let node = NodeRef::new();
    let said = RwSignal::new(String::new());
    super::on_wake(node, move |root| {
        if let Some(button) = super::find::<HtmlElement>(&root, "button") {
            let _ = button.set_attribute("hidden", "");
        }
    });
    let read = move |_| {
        let Some(root) = node.get_untracked() else { return };
        let root: Element = root.into();
        let Some(boxed) = super::find::<HtmlTextAreaElement>(&root, "textarea") else { return };
        // The island empties the box after reading it, so an empty box does not clear the message about the filled fields.
        if is_blank_text(&boxed.value()) {
            return said.update(|said| {
                if !said.starts_with(FILLED_IN) {
                    said.clear();
                }
            });
        }
        match paste(&boxed.value()) {
            Ok(found) => {
                // The text may contain the secret, which must neither stay visible nor be sent a second time.
                boxed.set_value("");
                said.set(format!("{FILLED_IN} {}.", found.found().join(", ")));
                if let Ok(Some(form)) = root.closest("form") {
                    fill(&form, &found);
                }
            }
            Err(refused) => said.set(refused.to_string()),
        }
    };
    view! {
        <span class="island paste-box" node_ref=node on:input=read>
            {children()}
            <span class="hint" role="status">
                {move || said.get()}
            </span>
        </span>
    }
}

fn fill(form: &Element, found: &Pasted) {
    let secret = found.secret_access_key.as_ref().map(|secret| secret.as_str());
    for (name, value) in [
        ("region", found.region.as_deref()),
        ("encrypted_key", found.encrypted_key.as_deref()),
        ("cmk_arn", found.cmk_arn.as_deref()),
        ("access_key_id", found.access_key_id.as_deref()),
        ("secret_access_key", secret),
    ] {
        // A person may paste several outputs one after the other, so the other fields keep their values.
        let Some(value) = value else { continue };
        let selector = format!("[name={name}]");
        if let Some(area) = super::find::<HtmlTextAreaElement>(form, &selector) {
            area.set_value(value);
        } else if let Some(input) = super::find::<HtmlInputElement>(form, &selector) {
            input.set_value(value);
        }
    }
}
