//! Ten recovery codes, shown once.

use crate::frame::outside::Outside;
use crate::islands::copy_button::CopyButton;
use crate::ui::badge::Tone;
use crate::ui::button::{Button, Weight};
use crate::ui::callout::Callout;
use leptos::prelude::*;

#[component]
pub fn RecoveryCodesPage(codes: Vec<String>, next: String) -> impl IntoView {
    view! {
        <Outside heading="Recovery codes">
            <Callout tone=Tone::Warn title="Shown only now">
                <p>
                    "Keep these codes where you find them without your phone: a password manager, or on paper. Each works once in place of a verification code."
                </p>
            </Callout>
            <div class="recovery-codes">
                <CopyButton>
                    <ol>
                        {codes.into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect_view()}
                    </ol>
                </CopyButton>
            </div>
            <form class="form" method="post">
                <input r#type="hidden" name="next" value=next />
                <div class="actions">
                    <Button label="I have saved these codes" weight=Weight::Primary />
                </div>
            </form>
        </Outside>
    }
}
