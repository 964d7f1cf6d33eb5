//! Ten recovery codes, shown once.

use crate::frame::shown_once::ShownOnce;
use crate::islands::copy_button::CopyButton;
use crate::islands::print_button::PrintButton;
use crate::ui::button::Button;
use domain::base::address;
use leptos::prelude::*;

#[component]
pub fn RecoveryCodesPage(codes: Vec<String>, email: String, next: String) -> impl IntoView {
    view! {
        <ShownOnce
            heading="Recovery codes"
            title="Shown only once"
            about="Store these codes somewhere you can reach without your phone: a password manager, or on paper. Each code works once, in place of a verification code."
            saved="I have saved these codes"
            next=Some(next)
        >
            <p>"For " <strong class="wrap">{email}</strong></p>
            <div class="recovery-codes">
                <CopyButton>
                    <ol>
                        {codes.into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect_view()}
                    </ol>
                </CopyButton>
            </div>
            <div class="ways-to-save">
                <form method="post" action=address::PROFILE_RECOVERY_CODES_FILE data-file="">
                    <Button label="Download" />
                </form>
                <PrintButton />
            </div>
        </ShownOnce>
    }
}
