//! The pages of Keystead. They are pure functions of the views of `domain`; the server loads the data,
//! renders the page inside the [`document::Document`] and answers the forms. Everything works
//! without script; the islands only add comfort.

#![forbid(unsafe_code)]
// The type of a page nests as deep as its elements do, and the compiler computes its layout in one go.
#![recursion_limit = "256"]

pub mod document;
pub mod frame;
pub mod islands;
pub mod pages;
pub mod ui;

/// Prepares the islands. The script of a page with islands calls it before it wakes each island.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
