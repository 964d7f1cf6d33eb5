//! The notice before the end of the session. Without script it stays hidden.

use crate::islands::session_end::SessionEnd as Island;
use domain::overview::frame::SessionEnd;
use leptos::prelude::*;

#[component]
pub fn SessionNotice(end: SessionEnd) -> impl IntoView {
    let SessionEnd { seconds_left, is_final } = end;
    view! {
        <Island>
            <div class="session-end" data-left=seconds_left hidden>
                <p role="alert" class="while-it-lasts">
                    {if is_final {
                        "Your session ends: it has lasted its twelve hours."
                    } else {
                        "Your session ends soon, because nobody has used it."
                    }}
                </p>
                <p role="alert" class="when-over">
                    "Your session has ended. Go on, and sign in when you are asked: what you have typed stays, without its secrets."
                </p>
                <time class="while-it-lasts"></time>
                {(!is_final)
                    .then(|| {
                        view! {
                            <button class="button while-it-lasts" r#type="button">
                                "Stay signed in"
                            </button>
                        }
                    })}
            </div>
        </Island>
    }
    .into_any()
}
