//! The grid of environments and countries.

use crate::pages::keys::status_badge::Damaged;
use crate::pages::overview::lack::{shape, tone};
use crate::ui::badge::Tone;
use crate::ui::button::{Button, ButtonLink};
use crate::ui::field::Field;
use crate::ui::form::QueryForm;
use crate::ui::icon::{Icon, Symbols, Use};
use crate::ui::pagination::Pages;
use crate::ui::select::Select;
use chrono::{DateTime, Utc};
use domain::base::form::Form;
use domain::base::pages::Page;
use domain::base::{address, words};
use domain::custody::health::HealthState;
use domain::overview::grid::{GridRow, GridView, Only};
use domain::overview::lack::Lack;
use domain::overview::view::CountryRow;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use leptos::prelude::*;

/// The shapes that the grid uses; each is drawn once.
const SHAPES: [Icon; 4] = [Icon::Full, Icon::Half, Icon::Close, Icon::Ring];

#[component]
pub fn Grid(view: GridView, find: String, only: Option<Only>, now: DateTime<Utc>) -> impl IntoView {
    let GridView { countries, rows, row_page, column_page, .. } = view;
    let form = Form::new().with("find", &find).with("show", only.map_or("", Only::word));
    let is_filtered = only.is_some() || !find.is_empty();
    let pages = move |rows: usize, columns: usize| {
        let number = |page: usize| if page > 1 { page.to_string() } else { String::new() };
        address::overview(&[
            ("find", &find),
            ("show", only.map_or("", Only::word)),
            ("rows", &number(rows)),
            ("columns", &number(columns)),
        ])
    };
    let is_nothing = rows.is_empty();
    let table = if is_nothing {
        let what = match is_filtered {
            true => "No environment or country matches this filter.",
            false => "",
        };
        view! { <p class="quiet">{what}</p> }.into_any()
    } else if countries.is_empty() {
        view! { <NoCountries rows /> }.into_any()
    } else {
        view! { <Cells countries rows now /> }.into_any()
    };
    let (column, row) = (column_page.number, row_page.number);
    let by_rows = {
        let pages = pages.clone();
        move |number| pages(number, column)
    };
    let by_columns = move |number| pages(row, number);
    view! {
        <section aria-labelledby="grid">
            <h2 id="grid">"Environments × countries"</h2>
            <QueryForm form>
                <Field name="find" label="Filter" kind="search" optional=true />
                <Select name="show" label="Show" options=choices() />
                <div class="filters-actions">
                    <Button label="Apply" />
                    {is_filtered.then(|| view! { <ButtonLink label="Clear" href=address::HOME /> })}
                </div>
            </QueryForm>
            {(only.is_some() && !is_nothing)
                .then(|| view! { <p class="quiet">"Only the countries that match are shown. Where a cell is empty, nothing matches."</p> })}
            {table}
            <PagesOf what="Environments" page=row_page address=by_rows />
            <PagesOf what="Countries" page=column_page address=by_columns />
        </section>
    }
    .into_any()
}

#[component]
fn PagesOf(what: &'static str, page: Page, address: impl Fn(usize) -> String + 'static) -> impl IntoView {
    let (previous, next) = (page.previous().map(&address), page.next().map(&address));
    page.is_part().then(|| view! { <Pages what page previous next /> })
}

/// Returns the choices of what the grid is limited to.
fn choices() -> Vec<(String, String)> {
    let lacks = Lack::ALL.into_iter().filter_map(|lack| {
        let only = Only::from_word(lack.word())?;
        Some((only.word().to_owned(), format!("Only: {}", lack.label())))
    });
    let first = [("", "All"), (Only::Attention.word(), "Only what needs attention")];
    first.map(|(value, label)| (value.to_owned(), label.to_owned())).into_iter().chain(lacks).collect()
}

/// Environments none of which has a country.
#[component]
fn NoCountries(rows: Vec<GridRow>) -> impl IntoView {
    let line = |GridRow { slug, name, .. }| {
        view! {
            <li>
                <a href=address::environment(&slug)>{name}</a>
            </li>
        }
    };
    view! {
        <p>"No country yet. Open an environment to add the countries where it stores data."</p>
        <ul class="effects">{rows.into_iter().map(line).collect_view()}</ul>
    }
}

#[component]
fn Cells(countries: Vec<Country>, rows: Vec<GridRow>, now: DateTime<Utc>) -> impl IntoView {
    let head = |country: &Country| {
        view! {
            <th scope="col">
                <span class="country-code">{country.code()}</span>
                " "
                {country.name()}
            </th>
        }
    };
    let heads = countries.iter().map(head).collect_view();
    let row = move |row: GridRow| {
        let GridRow { slug, name, kind, is_proved, cells } = row;
        let cells = cells.into_iter().map(|cell| grid_cell(&slug, cell, now)).collect_view();
        view! {
            <tr>
                <th scope="row">
                    <a href=address::environment(&slug)>{name}</a>
                    {(kind == EnvironmentKind::Test).then(|| view! { " " <span class="tag">{kind.label()}</span> })}
                    {(!is_proved).then(|| view! { " " <Damaged /> })}
                </th>
                {cells}
            </tr>
        }
    };
    view! {
        <Symbols icons=&SHAPES />
        <div class="grid-room" role="region" aria-labelledby="grid" tabindex="0">
            <table class="grid">
                <thead>
                    <tr>
                        <th scope="col">"Environment"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        <p class="quiet grid-key">
            <Use icon=Icon::Full />
            " in order "
            <Use icon=Icon::Half />
            " needs a look "
            <Use icon=Icon::Close />
            " cannot be used "
            <Use icon=Icon::Ring />
            " no key. Each entry names version, type, state or next rotation, and age."
        </p>
    }
}

/// One country of one environment. It is no component, because a page has over a thousand.
fn grid_cell(slug: &Slug, cell: Option<CountryRow>, now: DateTime<Utc>) -> AnyView {
    let Some(cell) = cell else { return view! { <td></td> }.into_any() };
    let lacks = if cell.is_proved { cell.lacks } else { Some(Lack::Damaged) };
    let tone = lacks.map_or(Tone::Ok, tone).word();
    let href = address::keys(&ScopeName { environment: slug.clone(), country: cell.country });
    let version = match (cell.active, cell.key_type) {
        (Some(number), Some(key_type)) => format!("v{number} {}", key_type.label()),
        _ => String::new(),
    };
    let state = state(&cell, lacks, now);
    view! {
        <td>
            <a href=href>
                <span data-tone=tone>
                    <Use icon=shape(lacks) />
                    {state}
                </span>
                {version}
            </a>
        </td>
    }
    .into_any()
}

/// Describes the state of a key and its age: "rotates in 18 d · 12 d old".
fn state(cell: &CountryRow, lacks: Option<Lack>, now: DateTime<Utc>) -> String {
    let state = match (lacks, cell.due_at, cell.health) {
        (None | Some(Lack::DueSoon), Some(due), _) => format!("in {}", words::short_span(due - now)),
        (None, None, Some(HealthState::Healthy)) => "healthy".to_owned(),
        (None, ..) => "in order".to_owned(),
        (Some(lack), ..) => lack.label().to_owned(),
    };
    match cell.key_created_at {
        Some(at) => format!("{state} · {} old", words::short_span(now - at)),
        None => state,
    }
}
