//! Setting up an authenticator app: a QR code, the secret as text, one code as proof.

use crate::frame::outside::Outside;
use crate::islands::copy_button::CopyButton;
use crate::pages::people::setup::SETUP_STEPS;
use crate::ui::button::{Button, Weight};
use crate::ui::code_field::CodeField;
use crate::ui::form::{Actions, PostForm};
use crate::ui::stepper::Stepper;
use domain::base::form::Form;
use domain::people::view::EnrolmentView;
use leptos::prelude::*;

/// The reason for setting up an authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolPurpose {
    /// The set-up of the first administrator; the code also signs in.
    Setup,
    /// An administrator replaces their authenticator. This is a change, which needs its button.
    Replace,
    /// An administrator has signed in with a recovery code; the verification code also signs in.
    Recovery,
}

#[component]
pub fn EnrolPage(enrolment: EnrolmentView, form: Form, purpose: EnrolPurpose) -> impl IntoView {
    let EnrolmentView { issuer, account, replaces, secret, qr_size, qr_path } = enrolment;
    let is_setup = purpose == EnrolPurpose::Setup;
    // The text has no spaces, so that a copy of it has the form that the app expects.
    let groups = secret.split(' ').map(|group| view! { <span>{group.to_owned()}</span> }).collect_view();
    view! {
        <Outside heading="Set up your authenticator">
            {is_setup.then(|| view! { <Stepper steps=SETUP_STEPS current=1 /> })}
            <p>
                "Scan the code with an authenticator app on your phone. It then shows a new verification code every 30 seconds."
            </p>
            <svg
                class="qr-code"
                role="img"
                aria-label="QR code for your authenticator app"
                viewBox=format!("0 0 {qr_size} {qr_size}")
            >
                <path d=qr_path />
            </svg>
            <div class="secret">
                <p class="hint">
                    "No camera? Enter this secret for " <strong>{account.clone()}</strong> " at "
                    <strong>{issuer}</strong> " in the app:"
                </p>
                <CopyButton>
                    <code class="grouped">{groups}</code>
                </CopyButton>
            </div>
            {replaces
                .then(|| {
                    view! {
                        <p>
                            "The new entry in the app is " <strong>{account}</strong>
                            ". Once you confirm its code, the old entry stops working. Delete it then."
                        </p>
                    }
                })}
            <PostForm form>
                <CodeField auto_submit=purpose != EnrolPurpose::Replace />
                <Actions>
                    <Button label=if is_setup { "Next" } else { "Confirm" } weight=Weight::Primary />
                </Actions>
            </PostForm>
        </Outside>
    }
}
