//! A box to tick, with the sentence that the person agrees to.

use crate::ui::field::ErrorText;
use crate::ui::form::FieldState;
use leptos::prelude::*;

#[component]
pub fn Checkbox(
    name: &'static str,
    /// The name of the box in a list of errors.
    label: &'static str,
    /// The sentence beside the box; without one, the label.
    #[prop(optional, into)]
    sentence: Option<String>,
) -> impl IntoView {
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
                <label for=state.id>{sentence.unwrap_or_else(|| label.to_owned())}</label>
            </div>
        </div>
    }
    .into_any()
}
