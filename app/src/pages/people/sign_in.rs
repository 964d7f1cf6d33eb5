//! "Sign in": password, then verification code or recovery code.

use crate::frame::outside::Outside;
use crate::ui::button::{Button, Weight};
use crate::ui::code_field::CodeField;
use crate::ui::field::Field;
use crate::ui::flash::FlashMessage;
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Flash;
use leptos::prelude::*;

#[component]
pub fn SignInPage(form: Form, next: String, notice: Option<String>) -> impl IntoView {
    view! {
        <Outside heading="Sign in">
            {notice.map(|message| view! { <FlashMessage flash=Flash { message, warns: false } /> })}
            <PostForm form>
                <input r#type="hidden" name="next" value=next />
                <Field name="email" label="E-mail" kind="email" autocomplete="username" first=true />
                <Field name="password" label="Password" kind="password" autocomplete="current-password" />
                <Actions>
                    <Button label="Sign in" weight=Weight::Primary />
                </Actions>
            </PostForm>
        </Outside>
    }
}

#[component]
pub fn CodePage(form: Form, next: String) -> impl IntoView {
    let recovery = address::with_next(address::SIGN_IN_RECOVERY, &next);
    view! {
        <Outside heading="Sign in">
            <PostForm form>
                <input r#type="hidden" name="next" value=next />
                <CodeField auto_submit=true />
                <Actions>
                    <Button label="Sign in" weight=Weight::Primary />
                </Actions>
            </PostForm>
            <p class="outside-links">
                <a href=recovery>"Use a recovery code"</a>
                <a href=address::SIGN_IN>"Start again"</a>
            </p>
        </Outside>
    }
}

#[component]
pub fn RecoveryPage(form: Form, next: String) -> impl IntoView {
    let code = address::with_next(address::SIGN_IN_CODE, &next);
    view! {
        <Outside heading="Sign in">
            <PostForm form>
                <input r#type="hidden" name="next" value=next />
                <Field
                    name="recovery_code"
                    label="Recovery code"
                    hint="One of the ten codes you saved. Each code works once. Next, you set up a new authenticator."
                    first=true
                />
                <Actions>
                    <Button label="Sign in" weight=Weight::Primary />
                </Actions>
            </PostForm>
            <p class="outside-links">
                <a href=code>"Use a verification code"</a>
                <a href=address::SIGN_IN>"Start again"</a>
            </p>
        </Outside>
    }
}
