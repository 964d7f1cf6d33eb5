//! The form that removes an object: the person types its name to confirm.

use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use domain::base::form::Form;
use leptos::prelude::*;

#[component]
pub fn DangerForm(
    form: Form,
    /// The name that must be typed.
    name: String,
    back: String,
) -> impl IntoView {
    view! {
        <PostForm form>
            <Field
                name="confirm"
                label="Confirm"
                hint=format!("Type {name} to confirm.")
                first=true
            />
            <Actions>
                <ButtonLink label="Cancel" href=back />
                <Button label="Remove" weight=Weight::Danger />
            </Actions>
        </PostForm>
    }
}
