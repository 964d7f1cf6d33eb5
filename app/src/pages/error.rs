//! Something that is not there, not allowed, or not working: said calmly, with a way back.

use crate::components::outside::Outside;
use crate::components::ui::button::ButtonLink;
use leptos::prelude::*;

#[component]
pub fn ErrorPage(title: String, message: String, back: String) -> impl IntoView {
    view! {
        <Outside heading=title>
            <p>{message}</p>
            <p>
                <ButtonLink label="Back" href=back />
            </p>
        </Outside>
    }
}
