//! The two steps of every change.

use crate::ui::stepper::Stepper;
use leptos::prelude::*;

#[component]
pub fn ChangeSteps(#[prop(optional)] confirm: bool) -> impl IntoView {
    view! { <Stepper steps=&["Parameters", "Confirm"] current=usize::from(confirm) /> }
}
