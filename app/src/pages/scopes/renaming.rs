//! Renaming an environment; its address stays.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::environment::crumbs;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use domain::overview::view::EnvironmentRow;
use leptos::prelude::*;

#[component]
pub fn RenameEnvironmentPage(chrome: Chrome, environment: EnvironmentRow, form: Form) -> impl IntoView {
    let href = address::environment(&environment.slug);
    let form = if form.is_refused() { form } else { form.with("name", environment.name.clone()) };
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Rename")>
            <div class="narrow">
                <PageHead heading="Rename environment" about=environment.name.clone() />
                <PostForm form>
                    <Field
                        name="name"
                        label="Name"
                        hint=format!("The URL name stays {}. Services and bookmarks are not affected.", environment.slug)
                        first=true
                    />
                    <Actions>
                        <ButtonLink label="Cancel" href />
                        <Button label="Rename" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
