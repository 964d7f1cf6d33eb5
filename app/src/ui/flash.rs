//! What happened and what follows, said once after a change.

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
