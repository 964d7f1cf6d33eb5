//! "Check now": the button that repeats the pre-flight of a version.

use crate::ui::button::Button;
use domain::base::address;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn CheckNow(scope: ScopeName, number: u32) -> impl IntoView {
    view! {
        <form method="post" action=address::version_check(&scope, number)>
            <Button label="Check now" />
        </form>
    }
}
