//! Links to other pages of a list.

use domain::base::pages::Page;
use leptos::prelude::*;

/// Keyset paging: older rows, and back to the newest.
#[component]
pub fn Pagination(
    #[prop(into)] older_label: String,
    /// The address of older rows, if there are any.
    older: Option<String>,
    /// The address of the newest rows, if this page does not begin with them.
    newest: Option<String>,
) -> impl IntoView {
    (older.is_some() || newest.is_some()).then(|| {
        view! {
            <nav class="pagination" aria-label="Pages">
                {newest.map(|href| view! { <a class="button" href=href>"Newest"</a> })}
                {older.map(|href| view! { <a class="button" href=href rel="next">{older_label}</a> })}
            </nav>
        }
    })
}

/// Pages by number: "Countries 51–100 of 120".
#[component]
pub fn Pages(
    /// What the list has.
    what: &'static str,
    page: Page,
    /// The addresses of the neighbours, if there are any.
    previous: Option<String>,
    next: Option<String>,
) -> impl IntoView {
    let label = format!("{what}, pages");
    view! {
        <nav class="pagination" aria-label=label>
            <span class="quiet">{format!("{what} {}", page.label())}</span>
            {previous.map(|href| view! { <a class="button" href=href rel="prev">"Previous"</a> })}
            {next.map(|href| view! { <a class="button" href=href rel="next">"Next"</a> })}
        </nav>
    }
}
