//! Comforts of every page with script: local times on hover, a menu that closes at a click outside it, and forms that are sent once
//! and marked as busy until their answer is there.

use leptos::prelude::*;
use web_sys::wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlFormElement, Node};

/// The server ends a request after as long.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

#[island]
pub fn PageComforts() -> impl IntoView {
    Effect::new(|| {
        if let Some(root) = document().document_element() {
            name_local_times(&root);
            show_place(&root);
        }
    });
    window_event_listener(leptos::ev::click, |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
        close_menu(target.as_ref());
    });
    window_event_listener(leptos::ev::submit, |event| {
        let form = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
        // The page stays when the answer is a file, and its other buttons must work.
        let is_sent_once =
            |form: &HtmlFormElement| form.method() == "post" && !form.has_attribute("data-file");
        let Some(form) = form.filter(is_sent_once) else { return };
        if form.has_attribute("aria-busy") {
            event.prevent_default();
            return;
        }
        let _ = form.set_attribute("aria-busy", "true");
        // The page stays when the person has stopped the request.
        set_timeout(move || drop(form.remove_attribute("aria-busy")), PATIENCE);
    });
    // The browser may restore a page from memory on "Back"; its forms are no longer busy.
    window_event_listener(leptos::ev::Custom::<web_sys::Event>::new("pageshow"), |_| {
        if let Some(root) = document().document_element() {
            for form in super::find_all::<Element>(&root, "form[aria-busy]") {
                let _ = form.remove_attribute("aria-busy");
            }
        }
    });
    window_event_listener(leptos::ev::keydown, |event| {
        if event.key() == "Escape" {
            close_menu(None);
        }
    });
}

fn name_local_times(root: &Element) {
    let options = js_sys::Object::new();
    for part in ["dateStyle", "timeStyle"] {
        let _ = js_sys::Reflect::set(&options, &part.into(), &"medium".into());
    }
    for time in super::find_all::<Element>(root, "time[datetime]") {
        let at = js_sys::Date::new(&time.get_attribute("datetime").into());
        let local: JsValue = at.to_locale_string("en-GB", &options).into();
        let local = local.as_string().unwrap_or_default();
        let _ = time.set_attribute("title", &format!("{local}, your time"));
    }
}

/// Scrolls the tree of a large portal, which is longer than the window, to the entry of the page.
fn show_place(root: &Element) {
    let (Some(tree), Some(here)) = (
        super::find::<Element>(root, ".sidebar-tree"),
        super::find::<Element>(root, ".sidebar-tree [aria-current]"),
    ) else {
        return;
    };
    let below = here.get_bounding_client_rect().top() - tree.get_bounding_client_rect().top();
    tree.set_scroll_top(below as i32 - tree.client_height() / 2);
}

/// Closes the open menu unless the click was inside it.
fn close_menu(clicked: Option<&Node>) {
    let Ok(Some(menu)) = document().query_selector("details.menu[open]") else { return };
    // `contains(None)` is false, so Escape closes the menu in any case.
    if !menu.contains(clicked) {
        let _ = menu.remove_attribute("open");
    }
}
