//! A choice of many options: the browser's own list.

use crate::islands::search_options::SearchOptions;
use crate::ui::field::FieldFrame;
use crate::ui::form::FieldState;
use leptos::prelude::*;

/// A list of options, each a value and a label. `prompt` stands first and counts as no choice.
#[component]
pub fn Select(
    name: &'static str,
    label: &'static str,
    options: Vec<(String, String)>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] initial: Option<String>,
    #[prop(optional)] prompt: Option<&'static str>,
    /// Adds a search box above the list, which also finds these other names of an option. For long lists.
    #[prop(optional)]
    other_names: Option<fn(&str) -> &'static [&'static str]>,
) -> impl IntoView {
    let state = FieldState::of(name, label, hint.is_some());
    let described_by = state.described_by();
    let chosen = if state.value.is_empty() { initial.unwrap_or_default() } else { state.value.clone() };
    let option = move |(value, label): (String, String)| {
        let selected = value == chosen;
        let also = other_names.map(|of| of(&value).join("|")).filter(|names| !names.is_empty());
        view! {
            <option value=value selected=selected data-also=also>
                {label}
            </option>
        }
    };
    let frame_state = state.clone();
    let list = view! {
        <select
            class="input"
            id=state.id
            name=name
            autofocus=state.takes_focus
            aria-describedby=described_by
            aria-invalid=state.error.is_some().then_some("true")
        >
            {prompt.map(|prompt| view! { <option value="">{prompt}</option> })}
            {options.into_iter().map(option).collect_view()}
        </select>
    };
    let list = if other_names.is_some() {
        view! { <SearchOptions>{list}</SearchOptions> }.into_any()
    } else {
        list.into_any()
    };
    view! {
        <FieldFrame label hint state=frame_state>
            {list}
        </FieldFrame>
    }
    .into_any()
}
