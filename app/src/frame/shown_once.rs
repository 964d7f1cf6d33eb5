//! A secret that is shown once: why it matters, the secret, and the button that says it is kept.

use crate::frame::outside::Outside;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, Weight};
use crate::ui::callout::Callout;
use leptos::prelude::*;

#[component]
pub fn ShownOnce(
    heading: &'static str,
    /// The warning: its title, and what to do with the secret.
    title: &'static str,
    about: &'static str,
    /// The words on the button.
    saved: &'static str,
    /// The page to go on to, where the form carries one.
    #[prop(optional_no_strip)]
    next: Option<String>,
    /// The secret, and what belongs to it.
    children: Children,
) -> impl IntoView {
    view! {
        <Outside heading>
            <Callout tone=Tone::Warn title>
                <p>{about}</p>
            </Callout>
            {children()}
            <form class="form" method="post">
                {next.map(|next| view! { <input r#type="hidden" name="next" value=next /> })}
                <div class="actions">
                    <Button label=saved weight=Weight::Primary />
                </div>
            </form>
        </Outside>
    }
}
