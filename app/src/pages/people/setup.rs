//! "Set up Keystead": the first administrator.

use crate::frame::outside::Outside;
use crate::ui::button::{Button, Weight};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use crate::ui::stepper::Stepper;
use domain::base::form::Form;
use domain::people::password::MIN_CHARS;
use leptos::prelude::*;

pub(crate) const SETUP_STEPS: &[&str] = &["Account", "Authenticator", "Recovery codes"];

#[component]
pub fn SetupPage(form: Form) -> impl IntoView {
    view! {
        <Outside heading="Set up Keystead">
            <Stepper steps=SETUP_STEPS current=0 />
            <p>"Create the first administrator. You need the setup token and an authenticator app on your phone."</p>
            <PostForm form>
                <Field
                    name="token"
                    label="Setup token"
                    hint="Find it in the terminal where you started Keystead, or in the file setup-token in the data folder."
                    first=true
                />
                <Field name="email" label="E-mail" kind="email" autocomplete="username" />
                <NewPassword label="Password" />
                <Actions>
                    <Button label="Next" weight=Weight::Primary />
                </Actions>
            </PostForm>
        </Outside>
    }
}

/// Two fields for a new password: the password and its repetition.
#[component]
pub(crate) fn NewPassword(label: &'static str) -> impl IntoView {
    view! {
        <Field
            name="password"
            label
            kind="password"
            autocomplete="new-password"
            hint=format!("At least {MIN_CHARS} characters. A few unrelated words make a good password.")
        />
        <Field name="password_again" label="Repeat password" kind="password" autocomplete="new-password" />
    }
}

/// The page shown after the set-up token has expired.
#[component]
pub fn SetupExpiredPage() -> impl IntoView {
    view! {
        <Outside heading="Set up Keystead">
            <p>"The setup token has expired. It was valid for 60 minutes."</p>
            <p>"Restart Keystead to get a new one, then load this page again."</p>
        </Outside>
    }
}
