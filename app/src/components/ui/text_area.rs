//! Several lines of text in a form: what is copied from elsewhere and may be wrapped.

use super::field::FieldFrame;
use super::form::FieldState;
use leptos::prelude::*;

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
                {state.value}
            </textarea>
        </FieldFrame>
    }
    .into_any()
}
