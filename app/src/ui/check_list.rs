//! A choice of any number of options, in groups. The form's value holds the chosen options, separated by commas.

use crate::ui::field::ErrorText;
use crate::ui::form::FieldState;
use leptos::prelude::*;

/// One box to tick.
pub struct Tick {
    pub value: String,
    pub label: String,
    pub explanation: Option<String>,
}

/// A group of boxes; it has no name when it is the only group.
pub struct Ticks {
    pub name: Option<String>,
    pub ticks: Vec<Tick>,
}

/// Maximum number of boxes without a scrolling frame.
const SHORT: usize = 8;

#[component]
pub fn CheckList(
    name: &'static str,
    label: &'static str,
    groups: Vec<Ticks>,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    let state = FieldState::of(name, label, hint.is_some());
    let described_by = state.described_by();
    let (id, focus) = (state.id.clone(), state.takes_focus);
    let is_long = groups.iter().map(|group| group.ticks.len()).sum::<usize>() > SHORT;
    let mut index = 0;
    let groups = groups
        .into_iter()
        .map(|Ticks { name: group, ticks }| {
            let rows = ticks
                .into_iter()
                .map(|tick| {
                    // The first box has the field's own id, because the error summary links to it.
                    let box_id = if index == 0 { id.clone() } else { format!("{id}-{index}") };
                    let takes_focus = focus && index == 0;
                    index += 1;
                    let checked = state.value.split(',').any(|chosen| chosen == tick.value);
                    view! { <TickRow name tick id=box_id checked takes_focus /> }
                })
                .collect_view();
            match group {
                Some(group) => view! {
                    <fieldset class="ticks">
                        <legend>{group}</legend>
                        {rows}
                    </fieldset>
                }
                .into_any(),
                None => view! { <div class="ticks">{rows}</div> }.into_any(),
            }
        })
        .collect_view();
    view! {
        <fieldset
            class="field check-list"
            aria-describedby=described_by
            data-invalid=state.error.is_some().then_some("")
        >
            <legend>{label}</legend>
            {hint
                .map(|hint| {
                    view! {
                        <p class="hint" id=format!("{}-hint", state.id)>
                            {hint}
                        </p>
                    }
                })}
            <ErrorText id=state.id.clone() error=state.error.clone() />
            <div class="check-list-groups" data-long=is_long.then_some("")>{groups}</div>
        </fieldset>
    }
    .into_any()
}

#[component]
fn TickRow(name: &'static str, tick: Tick, id: String, checked: bool, takes_focus: bool) -> impl IntoView {
    let explained = tick.explanation.is_some().then(|| format!("{id}-explained"));
    view! {
        <div class="tick">
            <input
                r#type="checkbox"
                id=id.clone()
                name=name
                value=tick.value
                checked=checked
                autofocus=takes_focus
                aria-describedby=explained.clone()
            />
            <label for=id>{tick.label}</label>
            {tick.explanation.map(|words| view! { <p class="hint" id=explained>{words}</p> })}
        </div>
    }
    .into_any()
}
