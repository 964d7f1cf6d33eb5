//! Ten recovery codes, shown once.

use crate::frame::shown_once::ShownOnce;
use crate::islands::copy_button::CopyButton;
use leptos::prelude::*;

#[component]
pub fn RecoveryCodesPage(codes: Vec<String>, next: String) -> impl IntoView {
    view! {
        <ShownOnce
            heading="Recovery codes"
            title="Shown only once"
            about="Store these codes somewhere you can reach without your phone: a password manager, or on paper. Each code works once, in place of a verification code."
            saved="I have saved these codes"
            next=Some(next)
        >
            <div class="recovery-codes">
                <CopyButton>
                    <ol>
                        {codes.into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect_view()}
                    </ol>
                </CopyButton>
            </div>
        </ShownOnce>
    }
}
