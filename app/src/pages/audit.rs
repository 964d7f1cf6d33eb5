//! "Audit log": who, what, where, when, outcome.

use crate::components::frame::Frame;
use crate::components::moment::Moment;
use crate::components::page_head::PageHead;
use crate::components::ui::badge::{Badge, Tone};
use crate::components::ui::empty::Empty;
use crate::components::ui::pagination::Pagination;
use crate::components::ui::table::{Cell, Table};
use domain::audit::{Event, Outcome};
use domain::view::{AuditView, Chrome};
use leptos::prelude::*;

#[component]
pub fn AuditPage(chrome: Chrome, view: AuditView) -> impl IntoView {
    let AuditView { events, older, is_older_page } = view;
    let list = if events.is_empty() {
        view! {
            <Empty title="Nothing has happened yet">
                <p>"Every sign-in and every change, done or refused, appears here."</p>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <Table
                caption="Events, newest first"
                columns=&["Time", "Who", "Action", "Where", "Outcome", "Address"]
            >
                {events.into_iter().map(|event| view! { <EventRow event /> }).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=vec![("Audit log".to_owned(), None)]>
            <PageHead heading="Audit log" about="Who did what, where, when, and how it ended. Newest first." />
            {list}
            <Pagination
                older_label="Older"
                older=older.map(|sequence| format!("?before={sequence}"))
                newest=is_older_page.then(|| "/audit".to_owned())
            />
        </Frame>
    }
}

/// An empty cell says so.
fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

#[component]
fn EventRow(event: Event) -> impl IntoView {
    let tone = match event.outcome {
        Outcome::Done => Tone::Ok,
        Outcome::Refused => Tone::Bad,
    };
    let detail = (!event.detail.is_empty()).then(|| view! { <p class="cell-note">{event.detail}</p> });
    view! {
        <tr id=format!("event-{}", event.sequence) data-outcome=event.outcome.word()>
            <Cell label="Time">
                <Moment at=event.at />
            </Cell>
            <Cell label="Who">
                <span class="wrap">{event.who}</span>
            </Cell>
            <Cell label="Action">{event.action.label()} {detail}</Cell>
            <Cell label="Where">
                <span class="mono">{or_dash(event.place)}</span>
            </Cell>
            <Cell label="Outcome">
                <Badge tone label=event.outcome.label() />
            </Cell>
            <Cell label="Address">
                <span class="mono">{or_dash(event.address)}</span>
            </Cell>
        </tr>
    }
}
