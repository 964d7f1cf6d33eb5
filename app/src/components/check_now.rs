//! "Check now": the pre-flight of a version again.

use super::ui::button::Button;
use crate::paths;
use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn CheckNow(scope: ScopeName, number: u32) -> impl IntoView {
    view! {
        <form method="post" action=paths::check(&scope, number)>
            <Button label="Check now" />
        </form>
    }
}
