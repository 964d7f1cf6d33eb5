//! A choice of few options, each with one line that explains it.

use crate::ui::field::ErrorText;
use crate::ui::form::FieldState;
use leptos::prelude::*;

pub struct Choice {
    pub value: &'static str,
    pub label: &'static str,
    pub explanation: &'static str,
}

/// A group of radio buttons. `initial` is chosen unless the form has another value.
#[component]
pub fn RadioCards(
    name: &'static str,
    label: &'static str,
    choices: Vec<Choice>,
    initial: &'static str,
) -> impl IntoView {
    let state = FieldState::of(name, label, false);
    let chosen = if state.value.is_empty() { initial } else { state.value.as_str() };
    let described_by = state.described_by();
    let cards = choices
        .into_iter()
        .enumerate()
        .map(|(index, choice)| {
            // The first button has the field's own id, because the error summary links to it.
            let id = if index == 0 { state.id.clone() } else { format!("{}-{}", state.id, choice.value) };
            let explained = format!("{}-{}-explained", state.id, choice.value);
            view! {
                <div class="radio-card">
                    <input
                        r#type="radio"
                        id=id.clone()
                        name=name
                        value=choice.value
                        checked=choice.value == chosen
                        autofocus=state.takes_focus && index == 0
                        aria-describedby=explained.clone()
                    />
                    <label for=id>{choice.label}</label>
                    <p id=explained>{choice.explanation}</p>
                </div>
            }
        })
        .collect_view();
    view! {
        <fieldset class="field" aria-describedby=described_by data-invalid=state.error.is_some().then_some("")>
            <legend>{label}</legend>
            <ErrorText id=state.id.clone() error=state.error.clone() />
            <div class="radio-cards">{cards}</div>
        </fieldset>
    }
    .into_any()
}
