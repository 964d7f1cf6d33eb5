//! "Change limits" of an environment.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::environment::crumbs;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::field::Field;
use crate::ui::form::{Actions, PostForm};
use domain::base::address;
use domain::base::form::Form;
use domain::keys::limits::OWN_LIMIT_MAX;
use domain::keys::view::EnvironmentLimits;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn EnvironmentLimitsPage(chrome: Chrome, view: EnvironmentLimits, form: Form) -> impl IntoView {
    let EnvironmentLimits { environment, server, .. } = view;
    let hint = |limit: u32| {
        format!("From 1 to {OWN_LIMIT_MAX}. Leave it empty to use the server's setting, which is {limit}.")
    };
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Change limits")>
            <div class="narrow">
                <PageHead heading="Change limits" about=environment.name.clone() />
                <ChangeSteps confirm=false />
                <PostForm form>
                    <p>
                        "Each country of this environment can get this many new versions per UTC day."
                    </p>
                    <Field
                        name="per_type"
                        label="Versions of one type per day"
                        hint=hint(server.per_type)
                        first=true
                        optional=true
                    />
                    <Field
                        name="per_scope"
                        label="Versions in total per day"
                        hint=hint(server.per_scope)
                        optional=true
                    />
                    <Actions>
                        <ButtonLink label="Cancel" href=address::environment(&environment.slug) />
                        <Button label="Next" weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
