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
                "Services that use an IronCore client can address this scope by its alias or by its name, "
                <code>{name}</code> ". Existing keys and encrypted data are not affected."
            </p>
            <Field
                name="alias"
                label="Alias"
                hint="The tenant ID that those services use. Up to 128 letters, digits, or the characters . _ : @ - (leave empty for no alias)."
                first=true
            />
        </Parameters>
    }
}
