//! The message after a change, shown once: the result and the consequences.

use crate::ui::badge::Tone;
use domain::overview::frame::Flash;
use leptos::prelude::*;

#[component]
pub fn FlashMessage(flash: Flash) -> impl IntoView {
    let tone = if flash.warns { Tone::Warn } else { Tone::Ok };
    view! {
        <p class="flash" role="status" data-tone=tone.word()>
            {flash.message}
        </p>
    }
}
