//! The countries of an environment and the state of their keys.

use crate::frame::moment::Day;
use crate::pages::custody::health_badge::HealthWord;
use crate::pages::keys::status_badge::Damaged;
use crate::pages::overview::lack::LackBadge;
use crate::pages::scopes::country_name::CountryName;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink};
use crate::ui::checkbox::Checkbox;
use crate::ui::empty::Empty;
use crate::ui::field::Field;
use crate::ui::form::QueryForm;
use crate::ui::pagination::Pages;
use crate::ui::table::{Cell, Order, Sort, Table};
use chrono::{DateTime, Utc};
use domain::base::form::Form;
use domain::base::pages::Page;
use domain::base::{address, words};
use domain::overview::lack::Lack;
use domain::overview::view::CountryRow;
use domain::scopes::country_list::{Column, CountrySearch};
use domain::scopes::scope::{Country, ScopeName, Slug};
use leptos::prelude::*;

/// Number of countries from which on the list has a filter.
const MANY: usize = 10;

#[component]
pub fn Countries(
    slug: Slug,
    /// One page of the countries that are looked for.
    rows: Vec<CountryRow>,
    page: Page,
    /// Number of countries of the environment.
    all: usize,
    search: CountrySearch,
    /// The country that was just added.
    new: Option<Country>,
    now: DateTime<Utc>,
) -> impl IntoView {
    if all == 0 {
        return view! {
            <Empty title="No countries yet">
                <p>
                    "Add each country where this environment stores data. Each country has its own encryption key."
                </p>
            </Empty>
        }
        .into_any();
    }
    let has_filter = all >= MANY || search.is_filtered();
    let filter = has_filter.then(|| view! { <Filter slug=slug.clone() search=search.clone() /> });
    let to = |number: Option<usize>| {
        number.map(|number| address_of(&slug, &search, search.sort, search.is_descending, number))
    };
    let (previous, next) = (to(page.previous()), to(page.next()));
    let sorts = Column::ALL.map(|column| sort_by(&slug, &search, column)).into_iter().collect();
    let line = move |row: CountryRow| {
        let is_new = new == Some(row.country);
        view! { <CountryLine slug=slug.clone() row is_new now /> }
    };
    let list = if rows.is_empty() {
        view! { <p class="quiet">"No country matches this filter."</p> }.into_any()
    } else {
        view! {
            <Table
                caption="Countries"
                columns=&["Country", "Status", "Type", "Version", "Next rotation", "Health", ""]
                sorts
            >
                {rows.into_iter().map(line).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        {filter}
        {list}
        {page.is_part().then(|| view! { <Pages what="Countries" page previous next /> })}
    }
    .into_any()
}

/// Returns the address of a page of the list in some order.
fn address_of(slug: &Slug, search: &CountrySearch, sort: Column, is_descending: bool, page: usize) -> String {
    let sort = if sort == Column::default() { "" } else { sort.word() };
    let order = if is_descending { "descending" } else { "" };
    let page = if page > 1 { page.to_string() } else { String::new() };
    let without_key = if search.only_without_key { "yes" } else { "" };
    let query = [
        ("find", search.text.as_str()),
        ("without_key", without_key),
        ("sort", sort),
        ("order", order),
        ("page", &page),
    ];
    address::environment_with(slug, &query)
}

/// Returns the link in the head of a column: it sorts by the column, and when pressed again turns the order round.
fn sort_by(slug: &Slug, search: &CountrySearch, column: Column) -> Sort {
    let is_sorted = column == search.sort;
    let turns = is_sorted && !search.is_descending;
    let now = if search.is_descending { Order::Descending } else { Order::Ascending };
    Sort { href: address_of(slug, search, column, turns, 1), order: is_sorted.then_some(now) }
}

#[component]
fn Filter(slug: Slug, search: CountrySearch) -> impl IntoView {
    let is_filtered = search.is_filtered();
    let without_key = if search.only_without_key { "yes" } else { "" };
    let form = Form::new().with("find", &search.text).with("without_key", without_key);
    let kept = [
        ("sort", search.sort.word(), search.sort != Column::default()),
        ("order", "descending", search.is_descending),
    ];
    let kept = kept.map(|(name, value, is_kept)| {
        is_kept.then(|| view! { <input r#type="hidden" name=name value=value /> })
    });
    view! {
        <QueryForm form>
            {kept.collect_view()} <Field name="find" label="Filter countries" kind="search" optional=true />
            <Checkbox name="without_key" label="Only without key" />
            <div class="filters-actions">
                <Button label="Apply" />
                {is_filtered
                    .then(|| view! { <ButtonLink label="Clear" href=address::environment(&slug) /> })}
            </div>
        </QueryForm>
    }
}

#[component]
fn CountryLine(slug: Slug, row: CountryRow, is_new: bool, now: DateTime<Utc>) -> impl IntoView {
    let CountryRow { country, active, key_type, due_at, health, lacks, is_proved, .. } = row;
    let remove = address::country_remove(&slug, country);
    let scope = ScopeName { environment: slug, country };
    let (href, add) = (address::keys(&scope), address::key_add(&scope));
    let status = match (is_proved, lacks, active) {
        (false, ..) => view! { <Damaged /> }.into_any(),
        // The column of the next rotation says when it is due.
        (true, Some(lack), _) if lack != Lack::DueSoon => view! { <LackBadge lack /> }.into_any(),
        _ => view! { <Badge tone=Tone::Ok label="Active" /> }.into_any(),
    };
    let version = active.map(|number| {
        let href = address::version(&scope, number);
        view! { <a href=href>{number}</a> }
    });
    view! {
        <tr data-new=is_new.then_some("")>
            <Cell label="Country">
                <a href=href>
                    <CountryName country />
                </a>
            </Cell>
            <Cell label="Status">{status}</Cell>
            <Cell label="Type" is_none=key_type.is_none()>{key_type.map_or("–", |key_type| key_type.label())}</Cell>
            <Cell label="Version" is_none=active.is_none()>{version.map_or("–".into_any(), IntoAny::into_any)}</Cell>
            <Cell label="Next rotation" is_none=due_at.is_none()>
                {match due_at {
                    Some(at) if at <= now => {
                        view! { <LackBadge lack=Lack::Rotate /> }.into_any()
                    }
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
            <Cell label="Health" is_none=health.is_none()>
                {match health {
                    Some(state) => view! { <HealthWord state /> }.into_any(),
                    None => "–".into_any(),
                }}
            </Cell>
            <td class="table-actions">
                {active
                    .is_none()
                    .then(|| {
                        view! {
                            <div>
                                <a href=add aria-label=format!("Add key for {}", country.name())>
                                    "Add key"
                                </a>
                                <a
                                    class="quiet-link"
                                    href=remove
                                    aria-label=format!("Remove {}", country.name())
                                >
                                    "Remove"
                                </a>
                            </div>
                        }
                    })}
            </td>
        </tr>
    }
    .into_any()
}
