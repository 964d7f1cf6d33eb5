//! Keyset paging: older rows, and back to the newest.

use leptos::prelude::*;

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
