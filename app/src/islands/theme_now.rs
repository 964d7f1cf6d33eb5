//! Changes the theme at once and stores it in the cookie that the form would set.

use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDocument};

#[island]
pub fn ThemeNow(children: Children) -> impl IntoView {
    let node = NodeRef::<leptos::html::Span>::new();
    let choose = move |event: leptos::ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let button = target.and_then(|target| target.closest("button[name=theme]").ok().flatten());
        let (Some(button), Some(root)) = (button, node.get_untracked()) else { return };
        let theme = button.get_attribute("value").unwrap_or_default();
        event.prevent_default();
        for other in super::find_all::<Element>(&root, "button[name=theme]") {
            let _ = other.set_attribute("aria-pressed", if other == button { "true" } else { "false" });
        }
        if let Some(html) = document().document_element() {
            let _ = match theme.as_str() {
                // Without the attribute the style sheet follows the operating system.
                "system" => html.remove_attribute("data-theme"),
                theme => html.set_attribute("data-theme", theme),
            };
        }
        let is_https = window().location().protocol().is_ok_and(|protocol| protocol == "https:");
        // The server's `web::cookies` has the same two names. Not every browser takes a `Secure` cookie over plain HTTP.
        let (prefix, secure) = if is_https { ("__Host-", "; secure") } else { ("", "") };
        let cookie =
            format!("{prefix}keystead-theme={theme}; path=/; max-age=31536000; samesite=lax{secure}");
        let _ = document().unchecked_into::<HtmlDocument>().set_cookie(&cookie);
    };
    view! {
        <span class="island" node_ref=node on:click=choose>
            {children()}
        </span>
    }
}
