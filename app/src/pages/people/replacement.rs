//! Replacing an administrator's means of authentication: the authenticator, the recovery codes.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::people::password::CurrentPassword;
use crate::pages::people::profile::profile_crumbs;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn ReplaceAuthenticatorPage(chrome: Chrome, form: Form) -> impl IntoView {
    view! {
        <Explained chrome heading="Replace authenticator" form>
            <p>"Next, confirm with a code from your current authenticator app. Then set up the new one."</p>
            <p>"Your current app keeps working until you confirm the new one. If you have lost it, sign in with a recovery code instead."</p>
        </Explained>
    }
}

#[component]
pub fn NewRecoveryCodesPage(chrome: Chrome, form: Form) -> impl IntoView {
    view! {
        <Explained chrome heading="New recovery codes" form>
            <p>"Keystead creates ten new codes and shows them once. Your old codes stop working immediately."</p>
        </Explained>
    }
}

/// The first step of a change that needs the current password: an explanation and the form.
#[component]
fn Explained(chrome: Chrome, heading: &'static str, form: Form, children: Children) -> impl IntoView {
    view! {
        <Frame chrome crumbs=profile_crumbs(heading)>
            <div class="narrow">
                <PageHead heading />
                <ChangeSteps />
                <PostForm form>
                    {children()}
                    <CurrentPassword />
                    <Actions>
                        <ButtonLink label="Cancel" href=address::PROFILE />
                        <Button label="Next" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
