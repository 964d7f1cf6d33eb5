//! "Change password".

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::people::profile::profile_crumbs;
use crate::pages::people::setup::NewPassword;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn ChangePasswordPage(chrome: Chrome, form: Form) -> impl IntoView {
    view! {
        <Frame chrome crumbs=profile_crumbs("Change password")>
            <div class="narrow">
                <PageHead heading="Change password" />
                <ChangeSteps />
                <PostForm form>
                    <CurrentPassword />
                    <NewPassword label="New password" />
                    <Actions>
                        <ButtonLink label="Cancel" href=address::PROFILE />
                        <Button label="Next" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}

/// The field for the current password, which a person must enter before changing their own means of authentication.
#[component]
pub(crate) fn CurrentPassword() -> impl IntoView {
    view! {
        <Field
            name="current_password"
            label="Current password"
            kind="password"
            autocomplete="current-password"
            first=true
        />
    }
}
