//! A page that shows a secret once: a warning, the secret, and the button that confirms it is saved.

use crate::frame::outside::Outside;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, Weight};
use crate::ui::callout::Callout;
use leptos::prelude::*;

#[component]
pub fn ShownOnce(
    heading: &'static str,
    /// The warning: its title, and the advice about the secret.
    title: &'static str,
    about: &'static str,
    /// The words on the button.
    saved: &'static str,
    /// The page that follows, if the form names one.
    #[prop(optional_no_strip)]
    next: Option<String>,
    /// The secret, and further content.
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
