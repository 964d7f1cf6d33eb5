//! Comforts of every framed page: local times on hover, a menu that closes at a click outside it, and forms that are marked as
//! busy while they are submitted.

use leptos::prelude::*;
use web_sys::wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Node};

#[island]
pub fn PageComforts() -> impl IntoView {
    Effect::new(|| {
        if let Some(root) = document().document_element() {
            name_local_times(&root);
        }
    });
    window_event_listener(leptos::ev::click, |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
        close_menu(target.as_ref());
    });
    window_event_listener(leptos::ev::submit, |event| {
        if let Some(form) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) {
            let _ = form.set_attribute("aria-busy", "true");
        }
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

/// Closes the open menu unless the click was inside it.
fn close_menu(clicked: Option<&Node>) {
    let Ok(Some(menu)) = document().query_selector("details.menu[open]") else { return };
    // `contains(None)` is false, so Escape closes the menu in any case.
    if !menu.contains(clicked) {
        let _ = menu.remove_attribute("open");
    }
}
