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
                <p role="alert" class="while-idle">"Your session ends soon, because nobody has used it."</p>
                <p role="alert" class="when-final">"Your session ends: it has lasted its twelve hours."</p>
                <p role="alert" class="when-over">
                    "Your session has ended. Go on, and sign in when you are asked: Keystead then fills in a form of usual length again, without its secrets."
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
