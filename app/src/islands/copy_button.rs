//! Copies the text of the `code` elements that it wraps, one per line.

use crate::ui::icon::{Draw, Icon};
use leptos::prelude::*;
use web_sys::Element;

#[island]
pub fn CopyButton(children: Children) -> impl IntoView {
    let node = NodeRef::<leptos::html::Span>::new();
    let copied = RwSignal::new(false);
    let copy = move |_| {
        // Browsers offer a clipboard only on HTTPS and on loopback addresses.
        let Some(root) = node.get_untracked().filter(|_| window().is_secure_context()) else { return };
        let texts = super::find_all::<Element>(&root, "code").into_iter();
        let text: Vec<_> = texts.filter_map(|code| code.text_content()).collect();
        let _ = window().navigator().clipboard().write_text(&text.join("\n"));
        copied.set(true);
        set_timeout(move || copied.set(false), std::time::Duration::from_secs(2));
    };
    view! {
        <span class="copy" node_ref=node>
            {children()}
            <button class="copy-button needs-script" r#type="button" on:click=copy>
                <Draw icon=Icon::Copy />
                <span aria-live="polite">{move || if copied.get() { "Copied" } else { "Copy" }}</span>
            </button>
        </span>
    }
}
