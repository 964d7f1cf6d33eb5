//! A table that becomes cards where it has no room. For this, each cell carries the label of its column.

use leptos::prelude::*;

/// Maximum number of columns of an ordinary table; one with more needs the width of a desktop.
const FEW: usize = 5;

#[component]
pub fn Table(caption: &'static str, columns: &'static [&'static str], children: Children) -> impl IntoView {
    // A column of action links has no name.
    let head = |column: &'static str| match column {
        "" => view! { <td></td> }.into_any(),
        _ => view! { <th scope="col">{column}</th> }.into_any(),
    };
    view! {
        <div class="table-room">
            <table class="table" data-columns=(columns.len() > FEW).then_some("many")>
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        {columns.iter().copied().map(head).collect_view()}
                    </tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
pub fn Cell(label: &'static str, children: Children) -> impl IntoView {
    view! {
        <td data-label=label>
            <div>{children()}</div>
        </td>
    }
}
