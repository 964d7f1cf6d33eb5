//! The progress of a change: ① Parameters ── ② Confirm.

use leptos::prelude::*;

/// The steps and the current one. `current` counts from 0.
#[component]
pub fn Stepper(steps: &'static [&'static str], current: usize) -> impl IntoView {
    let items = steps.iter().enumerate().map(|(index, step)| {
        let state = match index.cmp(&current) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "current",
            std::cmp::Ordering::Greater => "ahead",
        };
        view! {
            <li data-state=state aria-current=(index == current).then_some("step")>
                <span class="step-number">{(index + 1).to_string()}</span>
                <span class="step-label">{*step}</span>
            </li>
        }
    });
    view! {
        <ol class="stepper" aria-label="Steps">
            {items.collect_view()}
        </ol>
    }
}
