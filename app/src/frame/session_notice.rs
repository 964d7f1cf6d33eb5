//! The notice before the end of the session. Without script it stays hidden.

use crate::islands::session_end::SessionEnd as Island;
use domain::overview::frame::SessionEnd;
use leptos::prelude::*;

#[component]
pub fn SessionNotice(end: SessionEnd) -> impl IntoView {
    let SessionEnd { seconds_left, is_final } = end;
    view! {
        <Island>
            <div class="session-end" data-left=seconds_left data-final=is_final.then_some("") hidden>
                <p role="alert" class="while-idle">"Your session ends soon because nobody has used it."</p>
                <p role="alert" class="when-final">"Your session ends soon. A session lasts twelve hours at most."</p>
                <p role="alert" class="when-over">
                    "Your session has ended. Continue, and sign in when Keystead asks. It then restores what you typed, except secrets and very long texts."
                </p>
                <span class="left"></span>
                <button class="button while-idle" r#type="button">
                    "Stay signed in"
                </button>
            </div>
        </Island>
    }
    .into_any()
}
