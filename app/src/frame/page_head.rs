//! The heading of a page, its subject, and its actions.

use domain::scopes::scope::ScopeName;
use leptos::prelude::*;

#[component]
pub fn PageHead(
    #[prop(into)] heading: String,
    #[prop(optional, into)] about: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="page-head">
            <div>
                <h1>{heading}</h1>
                {about.map(|about| view! { <p>{about}</p> })}
            </div>
            {children.map(|children| view! { <div class="page-actions">{children()}</div> })}
        </header>
    }
    .into_any()
}

/// Names a scope: "Germany · Production".
pub fn about_scope(scope: &ScopeName, environment_name: &str) -> String {
    format!("{} · {environment_name}", scope.country.name())
}
