//! Several lines of text in a form: text that is copied from elsewhere and may be wrapped.

use crate::ui::field::FieldFrame;
use crate::ui::form::FieldState;
use leptos::prelude::*;

/// Escapes the text. Leptos writes the content of a `textarea` unescaped, so that a closing tag in it would end the element.
fn escaped(text: &str) -> String {
    // A `textarea` contains only text and character references, so these two characters suffice.
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[component]
pub fn TextArea(
    name: &'static str,
    label: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(default = 4)] rows: u32,
) -> impl IntoView {
    let state = FieldState::of(name, label, hint.is_some());
    let described_by = state.described_by();
    view! {
        <FieldFrame label hint state=state.clone()>
            <textarea
                class="input mono"
                id=state.id
                name=name
                rows=rows.to_string()
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                autofocus=state.takes_focus
                aria-describedby=described_by
                aria-invalid=state.error.is_some().then_some("true")
            >
                {escaped(&state.value)}
            </textarea>
        </FieldFrame>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_ends_the_element() {
        let text = "</textarea><script>alert('&lt;')</script>";
        let safe = escaped(text);
        assert!(!safe.contains('<'));
        assert_eq!(safe.replace("&lt;", "<").replace("&amp;", "&"), text);
    }
}
