//! A box to tick, with the sentence that the person agrees to.

use crate::ui::field::ErrorText;
use crate::ui::form::FieldState;
use leptos::prelude::*;

#[component]
pub fn Checkbox(name: &'static str, label: &'static str) -> impl IntoView {
    let state = FieldState::of(name, label, false);
    let described_by = state.described_by();
    view! {
        <div class="field checkbox" data-invalid=state.error.is_some().then_some("")>
            <ErrorText id=state.id.clone() error=state.error.clone() />
            <div>
                <input
                    r#type="checkbox"
                    id=state.id.clone()
                    name=name
                    value="yes"
                    checked=state.value == "yes"
                    autofocus=state.takes_focus
                    aria-describedby=described_by
                />
                <label for=state.id>{label}</label>
            </div>
        </div>
    }
    .into_any()
}
