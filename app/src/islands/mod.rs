//! The islands: parts of pages that run as scripts. Every island wraps HTML from the server and listens to its events; none
//! has data of its own. This keeps the WebAssembly small, and the page is complete without it.

pub mod code_input;
pub mod copy_button;
pub mod countdown;
pub mod page_comforts;
pub mod paste_box;
pub mod print_button;
pub mod search_options;
pub mod session_end;
pub mod theme_now;
pub mod tree_filter;
pub mod url_preview;

use leptos::prelude::*;
use web_sys::{Element, wasm_bindgen::JsCast};

/// Returns every element below `root` that matches the selector, cast to its own type.
fn find_all<T: JsCast>(root: &Element, selector: &str) -> Vec<T> {
    let Ok(list) = root.query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|index| list.get(index)?.dyn_into().ok()).collect()
}

fn find<T: JsCast>(root: &Element, selector: &str) -> Option<T> {
    root.query_selector(selector).ok()??.dyn_into().ok()
}

/// Runs `wake` once in the browser, when the element exists.
fn on_wake(node: NodeRef<leptos::html::Span>, wake: impl Fn(Element) + 'static) {
    Effect::new(move || {
        if let Some(element) = node.get() {
            wake(element.into());
        }
    });
}
