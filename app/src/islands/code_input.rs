//! Limits a code field to six digits, also when more is pasted, and submits the form where the code signs in.

use leptos::prelude::*;
use web_sys::{HtmlInputElement, wasm_bindgen::JsCast};

#[island]
pub fn CodeInput(children: Children) -> impl IntoView {
    let tidy = |event: leptos::ev::Event| {
        let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else {
            return;
        };
        let typed = input.value();
        let digits: String = typed.chars().filter(char::is_ascii_digit).take(6).collect();
        if digits != typed {
            input.set_value(&digits);
        }
        let complete = digits.len() == 6 && input.has_attribute("data-auto-submit");
        if let Some(form) = input.form().filter(|_| complete) {
            // `PageComforts` sends a form once: a password manager types twice, and Enter is a habit.
            let _ = form.request_submit();
        }
    };
    let node = NodeRef::new();
    // A pasted "123 456" has seven characters, and the limit of the plain field would cut it.
    super::on_wake(node, |root| {
        if let Some(input) = super::find::<HtmlInputElement>(&root, "input") {
            let _ = input.remove_attribute("maxlength");
        }
    });
    view! {
        <span class="island" node_ref=node on:input=tidy>
            {children()}
        </span>
    }
}
