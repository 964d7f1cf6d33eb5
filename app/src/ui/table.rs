//! A table that becomes cards where it has no room. For this, each cell carries the label of its column.

use leptos::prelude::*;

/// Maximum number of columns of an ordinary table; one with more needs the width of a desktop.
const FEW: usize = 5;

/// The link in the head of a column, which sorts by it.
pub struct Sort {
    pub href: String,
    /// The table is sorted by this column, in this order.
    pub order: Option<Order>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

#[component]
pub fn Table(
    caption: &'static str,
    columns: &'static [&'static str],
    /// How to sort by the first columns; empty for a table that cannot be sorted.
    #[prop(optional)]
    sorts: Vec<Sort>,
    children: Children,
) -> impl IntoView {
    let mut sorts = sorts.into_iter();
    // A column of action links has no name.
    let mut head = |column: &'static str| match (column, sorts.next()) {
        ("", _) => view! { <td></td> }.into_any(),
        (_, None) => view! { <th scope="col">{column}</th> }.into_any(),
        (_, Some(Sort { href, order })) => {
            let order = order.map(Order::word);
            view! {
                <th scope="col" aria-sort=order>
                    <a class="table-sort" href=href data-order=order>
                        {column}
                    </a>
                </th>
            }
            .into_any()
        }
    };
    view! {
        <div class="table-room">
            <table class="table" data-columns=(columns.len() > FEW).then_some("many")>
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        {columns.iter().copied().map(&mut head).collect_view()}
                    </tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
pub fn Cell(
    label: &'static str,
    /// There is nothing to show; a card leaves the cell out.
    #[prop(optional)]
    is_none: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <td data-label=label data-none=is_none.then_some("")>
            <div>{children()}</div>
        </td>
    }
}
