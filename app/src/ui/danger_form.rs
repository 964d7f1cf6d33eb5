//! The form of a change that cannot be undone: the person types the name of its object.

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
    /// The form is all that the page has to read. Without this, the page opens at its top, where the evidence stands.
    #[prop(default = true)]
    first: bool,
    /// Further fields, after the name.
    children: Children,
) -> impl IntoView {
    view! {
        <PostForm form>
            <Field
                name="confirm"
                label="Confirm"
                hint=format!("Type {name} to confirm.")
                first
            />
            {children()}
            <Actions>
                <ButtonLink label="Cancel" href=back />
                <Button label="Next" weight=Weight::Danger />
            </Actions>
        </PostForm>
    }
}
