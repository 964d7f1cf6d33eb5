//! "Calendar": coming rotations, ends of API keys and reminders, of a month or a day.

use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::PageHead;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::ButtonLink;
use crate::ui::callout::Callout;
use crate::ui::pagination::Pages;
use crate::ui::table::{Cell, Table};
use chrono::{Datelike, NaiveDate};
use domain::base::pages::Page;
use domain::base::{address, words};
use domain::overview::calendar::{CalendarView, Coming, DayView, Entry, Month, month_of};
use domain::overview::frame::Chrome;
use leptos::prelude::*;
use std::collections::HashMap;

/// The days of a week: short for the heads of columns, and in full.
const WEEK: [(&str, &str); 7] = [
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
];

/// Number of entries of a day that a month names.
const NAMED: usize = 3;

#[component]
pub fn CalendarPage(
    chrome: Chrome,
    view: CalendarView,
    is_list: bool,
    /// The address names a day or a month that the calendar does not have.
    is_unread: bool,
) -> impl IntoView {
    let today = chrome.now.date_naive();
    let mut crumbs = vec![("Overview".to_owned(), Some(address::HOME.to_owned()))];
    match view {
        CalendarView::Month { month, days } => {
            crumbs.push(("Calendar".to_owned(), None));
            view! {
                <Frame chrome crumbs>
                    <PageHead heading="Calendar" about=month.label()>
                        <Months month is_list />
                    </PageHead>
                    {is_unread
                        .then(|| {
                            let title = format!("This is {}", month.label());
                            view! {
                                <Callout tone=Tone::Warn title>
                                    <p>"The calendar has no such day or month as the address names."</p>
                                </Callout>
                            }
                        })}
                    <Views month is_list />
                    {match is_list {
                        true => view! { <List days /> }.into_any(),
                        false => view! { <Weeks month days today /> }.into_any(),
                    }}
                    <p class="quiet">
                        "Keystead rotates managed keys by itself. Times are in UTC."
                    </p>
                </Frame>
            }
            .into_any()
        }
        CalendarView::Day { day, page } => {
            let month = address::calendar_month(month_of(day.day), false);
            crumbs.push(("Calendar".to_owned(), Some(month)));
            crumbs.push((words::day(day.day), None));
            view! {
                <Frame chrome crumbs>
                    <PageHead heading=words::day(day.day) about="What comes on this day. Times are in UTC." />
                    <Day day page />
                </Frame>
            }
            .into_any()
        }
    }
}

#[component]
fn Months(month: Month, is_list: bool) -> impl IntoView {
    let link = |label: &'static str, month: Month| {
        view! { <ButtonLink label href=address::calendar_month(month, is_list) /> }
    };
    view! {
        {month.previous().map(|month| link("Previous month", month))}
        {month.next().map(|month| link("Next month", month))}
    }
}

#[component]
fn Views(month: Month, is_list: bool) -> impl IntoView {
    let tab = |label: &'static str, list: bool| {
        view! {
            <a
                class="tab"
                href=address::calendar_month(month, list)
                aria-current=(list == is_list).then_some("page")
            >
                {label}
            </a>
        }
    };
    view! {
        <nav class="tabs" aria-label="View">
            {tab("Month", false)} {tab("List", true)}
        </nav>
    }
}

#[component]
fn Weeks(month: Month, days: Vec<DayView>, today: NaiveDate) -> impl IntoView {
    let mut days: HashMap<_, _> = days.into_iter().map(|day| (day.day, day)).collect();
    let mut cell = |(place, day): (usize, &Option<NaiveDate>)| {
        let Some(day) = day.and_then(|day| days.remove(&day)) else {
            return view! { <td class="calendar-none"></td> }.into_any();
        };
        let is_empty = day.is_empty();
        let date = day.day;
        view! {
            <td
                data-empty=is_empty.then_some("")
                aria-current=(date == today).then_some("date")
            >
                <span class="calendar-day" data-label=WEEK[place].1>
                    {date.day()}
                </span>
                <DayEntries day />
            </td>
        }
        .into_any()
    };
    let weeks = month.weeks();
    let rows: Vec<_> = weeks
        .iter()
        .map(|week| {
            let cells: Vec<_> = week.iter().enumerate().map(&mut cell).collect();
            view! { <tr>{cells}</tr> }
        })
        .collect();
    let head = |(short, full): (&'static str, &'static str)| {
        view! {
            <th scope="col">
                <abbr title=full>{short}</abbr>
            </th>
        }
    };
    view! {
        <table class="calendar">
            <caption class="visually-hidden">{month.label()}</caption>
            <thead>
                <tr>{WEEK.map(head).collect_view()}</tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

/// The first entries of a day, and a link to the others.
#[component]
fn DayEntries(day: DayView) -> impl IntoView {
    let (href, unnamed, all) = (address::calendar_day(day.day), day.unnamed(), day.entries.len());
    let entries = day.entries.into_iter().take(NAMED).map(|entry| view! { <li><Short entry /></li> });
    let entries = entries.collect_view();
    let rest = u32::try_from(all.saturating_sub(NAMED)).unwrap_or(u32::MAX).saturating_add(unnamed);
    let label = match all {
        0 => words::count(rest, "rotation", "rotations"),
        _ => format!("{rest} more"),
    };
    view! {
        <ul>
            {entries} {(rest > 0).then(|| view! { <li><a href=href>{label}</a></li> })}
        </ul>
    }
}

/// An entry in few words.
#[component]
fn Short(entry: Entry) -> impl IntoView {
    let (tone, label) = mark(&entry.coming);
    view! {
        <a href=address_of(&entry.coming)>
            // The other entries name their kind themselves.
            {matches!(entry.coming, Coming::Rotation { .. })
                .then(|| view! { <span class="visually-hidden">{label} ": "</span> })}
            <span class="calendar-mark" data-tone=tone.word()></span>
            {subject(&entry.coming)}
        </a>
    }
}

fn mark(coming: &Coming) -> (Tone, &'static str) {
    match coming {
        Coming::Rotation { .. } => (Tone::Ok, "Rotation"),
        Coming::ApiKeyEnds { .. } => (Tone::Warn, "API key ends"),
        Coming::Backup { overdue_since: None } => (Tone::Quiet, "Reminder"),
        Coming::Backup { overdue_since: Some(_) } => (Tone::Warn, "Reminder"),
    }
}

fn subject(coming: &Coming) -> String {
    match coming {
        Coming::Rotation { scope, environment_name } => {
            format!("{} · {environment_name}", scope.country.name())
        }
        Coming::ApiKeyEnds { name, .. } => format!("API key {} ends", words::quoted(name)),
        Coming::Backup { overdue_since: None } => "Backup due".to_owned(),
        Coming::Backup { overdue_since: Some(at) } => format!("Backup overdue since {}", words::date(*at)),
    }
}

fn address_of(coming: &Coming) -> String {
    match coming {
        Coming::Rotation { scope, .. } => address::keys(scope),
        Coming::ApiKeyEnds { id, .. } => address::api_key_row(*id),
        Coming::Backup { .. } => format!("{}#installation", address::HOME),
    }
}

#[component]
fn List(days: Vec<DayView>) -> impl IntoView {
    let days: Vec<_> = days.into_iter().filter(|day| !day.is_empty()).collect();
    if days.is_empty() {
        return view! { <p class="quiet">"Nothing comes in this month."</p> }.into_any();
    }
    let day = |day: DayView| {
        let (href, unnamed) = (address::calendar_day(day.day), day.unnamed());
        let name = words::day(day.day);
        let mut lines: Vec<_> =
            day.entries.into_iter().map(|entry| view! { <EntryLine entry /> }.into_any()).collect();
        if unnamed > 0 {
            let label = words::count(unnamed, "rotation", "rotations");
            let line = view! {
                <tr>
                    <Cell label="Date">{name}</Cell>
                    <Cell label="What">
                        <a href=href>{label}</a>
                    </Cell>
                    <Cell label="Kind">
                        <Badge tone=Tone::Ok label="Rotation" />
                    </Cell>
                </tr>
            };
            lines.push(line.into_any());
        }
        lines
    };
    view! {
        <Table caption="What comes in this month" columns=&["Date", "What", "Kind"]>
            {days.into_iter().flat_map(day).collect_view()}
        </Table>
    }
    .into_any()
}

#[component]
fn EntryLine(entry: Entry) -> impl IntoView {
    let (tone, label) = mark(&entry.coming);
    let at = entry.at;
    view! {
        <tr>
            <Cell label="Date">
                <Moment at />
            </Cell>
            <Cell label="What">
                <a href=address_of(&entry.coming)>{subject(&entry.coming)}</a>
            </Cell>
            <Cell label="Kind">
                <Badge tone label />
            </Cell>
        </tr>
    }
}

#[component]
fn Day(day: DayView, page: Page) -> impl IntoView {
    let date = day.day;
    if day.is_empty() {
        return view! { <p class="quiet">"Nothing comes on this day."</p> }.into_any();
    }
    let to = move |number: usize| format!("{}&page={number}", address::calendar_day(date));
    let (previous, next) = (page.previous().map(to), page.next().map(to));
    view! {
        <Table caption="What comes on this day" columns=&["Date", "What", "Kind"]>
            {day.entries.into_iter().map(|entry| view! { <EntryLine entry /> }).collect_view()}
        </Table>
        {page.is_part().then(|| view! { <Pages what="Rotations" page previous next /> })}
    }
    .into_any()
}
