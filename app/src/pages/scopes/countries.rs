//! The countries of an environment and the state of their keys.

use crate::frame::moment::Day;
use crate::pages::keys::status_badge::Damaged;
use crate::pages::overview::lack::LackBadge;
use crate::pages::scopes::country_name::CountryName;
use crate::ui::empty::Empty;
use crate::ui::table::{Cell, Table};
use chrono::{DateTime, Utc};
use domain::base::address;
use domain::base::words;
use domain::overview::lack::Lack;
use domain::overview::view::CountryRow;
use domain::scopes::scope::{ScopeName, Slug};
use leptos::prelude::*;

#[component]
pub fn Countries(slug: Slug, rows: Vec<CountryRow>, now: DateTime<Utc>) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <Empty title="No countries yet">
                <p>
                    "Add each country where this environment stores data. Each country has its own encryption key."
                </p>
            </Empty>
        }
        .into_any();
    }
    let line = move |row| view! { <CountryLine slug=slug.clone() row now /> };
    view! {
        <Table caption="Countries" columns=&["Country", "Encryption key", "Next rotation", ""]>
            {rows.into_iter().map(line).collect_view()}
        </Table>
    }
    .into_any()
}

#[component]
fn CountryLine(slug: Slug, row: CountryRow, now: DateTime<Utc>) -> impl IntoView {
    let CountryRow { country, active, key_type, due_at, lacks, is_proved, .. } = row;
    let remove = address::country_remove(&slug, country);
    let href = address::keys(&ScopeName { environment: slug, country });
    let key = match (active, key_type) {
        (Some(number), Some(key_type)) => {
            // The column of the next rotation shows an overdue rotation instead.
            let trouble = lacks.filter(|lack| *lack != Lack::Rotate);
            view! {
                <span class="with-note">
                    {format!("Version {number} · {}", key_type.label())}
                    {trouble.map(|lack| view! { <LackBadge lack /> })}
                </span>
            }
            .into_any()
        }
        _ => lacks.map(|lack| view! { <LackBadge lack /> }).into_any(),
    };
    view! {
        <tr>
            <Cell label="Country">
                <a href=href>
                    <CountryName country />
                </a>
                {(!is_proved).then(|| view! { " " <Damaged /> })}
            </Cell>
            <Cell label="Encryption key">{key}</Cell>
            <Cell label="Next rotation">
                {match due_at {
                    Some(_) if lacks == Some(Lack::Rotate) => view! { <LackBadge lack=Lack::Rotate /> }.into_any(),
                    Some(at) => {
                        view! {
                            <Day at />
                            <span class="quiet">" · " {words::until(at, now)}</span>
                        }
                            .into_any()
                    }
                    None => "–".into_any(),
                }}
            </Cell>
            <td>
                {active
                    .is_none()
                    .then(|| {
                        view! {
                            <a href=remove aria-label=format!("Remove {}", country.name())>
                                "Remove"
                            </a>
                        }
                    })}
            </td>
        </tr>
    }
}
