//! "Alias": another name for a scope.

use crate::pages::keys::forms::Parameters;
use crate::ui::field::Field;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn AliasPage(chrome: Chrome, scope: ScopeName, environment_name: String, form: Form) -> impl IntoView {
    let name = scope.to_string();
    view! {
        <Parameters chrome heading="Alias" scope environment_name form>
            <p>
                "Services that speak IronCore's protocol may call this scope by its alias as well as by its name, "
                <code>{name}</code> ". Keys and what was encrypted stay as they are."
            </p>
            <Field
                name="alias"
                label="Alias"
                hint="The tenant id that those services use: letters, digits and . _ : @ - (at most 128). Empty: no alias."
                first=true
            />
        </Parameters>
    }
}
