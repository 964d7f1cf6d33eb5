//! "Audit log": who did what, where, when, with which outcome; for people in the portal and services at the data plane.

use crate::frame::layout::Frame;
use crate::frame::moment::Moment;
use crate::frame::page_head::PageHead;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink};
use crate::ui::callout::Callout;
use crate::ui::empty::Empty;
use crate::ui::field::Field;
use crate::ui::form::QueryForm;
use crate::ui::pagination::Pagination;
use crate::ui::table::{Cell, Table};
use domain::audit::event::Outcome;
use domain::audit::view::{AuditSource, LogLine, LogView};
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use leptos::prelude::*;

#[component]
pub fn AuditPage(chrome: Chrome, view: LogView, form: Form) -> impl IntoView {
    let LogView { source, lines, older, newest, is_filtered, damaged } = view;
    // Keystead did not run a search that it refused, so the page must not say that nothing was found.
    let is_searched = !form.is_refused();
    let list = if !is_searched {
        ().into_any()
    } else if lines.is_empty() {
        view! { <Nothing source is_filtered /> }.into_any()
    } else {
        view! {
            <Table
                caption="Events, newest first"
                columns=&["Time", "Who", "Action", "Where", "Outcome", "Address"]
            >
                {lines.into_iter().map(|line| view! { <EventRow line /> }).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=vec![("Audit log".to_owned(), None)]>
            <PageHead
                heading="Audit log"
                about="Who did what, where and when, and the outcome. Newest first. Times are in UTC."
            />
            <Sources source />
            <Filters source form=form.clone() is_filtered />
            {(damaged > 0)
                .then(|| {
                    view! {
                        <Callout tone=Tone::Bad title="Part of the journal is damaged">
                            <p>
                                "A file was changed, or a disk failed. Keystead keeps the damaged part but does not show it. The server's log names it."
                            </p>
                        </Callout>
                    }
                })}
            {(is_searched && is_filtered).then(|| view! { <SearchedFor source form=form.clone() /> })}
            {list}
            <Pagination older_label="Older" older newest />
            {is_searched.then(|| view! { <Export source form /> })}
        </Frame>
    }
}

#[component]
fn Sources(source: AuditSource) -> impl IntoView {
    let tab = |of: AuditSource| {
        let href = format!("{}?source={}", address::AUDIT, of.word());
        view! {
            <a class="tab" href=href aria-current=(of == source).then_some("page")>
                {of.label()}
            </a>
        }
    };
    view! {
        <nav class="tabs" aria-label="Event source">
            {AuditSource::ALL.map(tab).collect_view()}
        </nav>
    }
}

#[component]
fn Filters(source: AuditSource, form: Form, is_filtered: bool) -> impl IntoView {
    let (who, who_hint, where_hint) = match source {
        AuditSource::Portal => (
            "Who (e-mail)",
            "Full e-mail address",
            "production/DE, production for all its countries, or production/DE/3 for version 3.",
        ),
        AuditSource::Data => (
            "Who (API key)",
            "Key name or its first characters (kstd…)",
            "production/DE, or production for all its countries.",
        ),
    };
    view! {
        <QueryForm form>
            <input r#type="hidden" name="source" value=source.word() />
            <Field name="from" label="From (UTC)" kind="datetime-local" optional=true />
            <Field name="to" label="To (UTC)" kind="datetime-local" optional=true />
            <Field name="place" label="Where" hint=where_hint optional=true />
            <Field name="who" label=who hint=who_hint optional=true />
            {(source == AuditSource::Data)
                .then(|| {
                    view! {
                        <Field
                            name="told"
                            label="Requesting or object ID"
                            hint="Exactly as the service sent it."
                            optional=true
                        />
                    }
                })}
            <div class="filters-actions">
                <Button label="Search" />
                {is_filtered
                    .then(|| view! { <ButtonLink label="Clear" href=format!("{}?source={}", address::AUDIT, source.word()) /> })}
            </div>
        </QueryForm>
    }
}

/// The search in words, for paper: the form itself is not printed.
#[component]
fn SearchedFor(source: AuditSource, form: Form) -> impl IntoView {
    let parts = [("From", "from"), ("to", "to"), ("where", "place"), ("who", "who"), ("ID", "told")];
    let parts = parts.map(|(label, name)| (label, form.value(name)));
    let said: Vec<_> = parts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| format!("{label} {value}"))
        .collect();
    view! { <p class="print-only">{source.label()} ": " {said.join(", ")}</p> }
}

#[component]
fn Nothing(source: AuditSource, is_filtered: bool) -> impl IntoView {
    match (is_filtered, source) {
        (true, _) => view! {
            <Empty title="No matching events">
                <p>"Scope and name must match exactly (case is ignored). IDs are case-sensitive."</p>
            </Empty>
        },
        (false, AuditSource::Portal) => view! {
            <Empty title="No events yet">
                <p>"Sign-ins and changes appear here, both completed and refused."</p>
            </Empty>
        },
        (false, AuditSource::Data) => view! {
            <Empty title="No service requests yet">
                <p>"Data plane requests with a valid API key appear here, both completed and refused. Requests to this server appear immediately, requests to other servers after a minute."</p>
            </Empty>
        },
    }
}

/// The form that exports the results of the search as a file.
#[component]
fn Export(source: AuditSource, form: Form) -> impl IntoView {
    // An export contains all results, so the form takes the search along but not the position of the page.
    let kept = ["from", "to", "place", "who", "told"].map(|name| {
        let value = form.value(name).to_owned();
        (!value.is_empty()).then(|| view! { <input r#type="hidden" name=name value=value /> })
    });
    view! {
        <form class="after-table export" method="post" action=address::AUDIT_EXPORT data-file="">
            <input r#type="hidden" name="source" value=source.word() />
            {kept.collect_view()}
            <span class="quiet">"Export all results (oldest first):"</span>
            <ExportButton value="jsonl" label="JSON Lines" />
            <ExportButton value="csv" label="CSV" />
        </form>
        <p class="quiet not-printed">
            "A spreadsheet that opens the CSV rounds long numbers and drops leading zeros. Import it instead, with all columns as text (in Excel: Data, From Text/CSV). For programs, JSON Lines is exact."
        </p>
    }
}

#[component]
fn ExportButton(value: &'static str, label: &'static str) -> impl IntoView {
    view! {
        <button class="button" r#type="submit" name="format" value=value data-weight="secondary">
            {label}
        </button>
    }
}

/// Replaces an empty text by a dash, so that the cell is visibly empty.
fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

#[component]
fn EventRow(line: LogLine) -> impl IntoView {
    let tone = match line.outcome {
        Outcome::Done => Tone::Ok,
        Outcome::Refused => Tone::Bad,
    };
    let detail = (!line.detail.is_empty()).then(|| view! { <p class="cell-note">{line.detail}</p> });
    view! {
        <tr id=format!("event-{}", line.id) data-outcome=line.outcome.word()>
            <Cell label="Time">
                <Moment at=line.at />
            </Cell>
            <Cell label="Who">
                <span class="wrap">{line.who}</span>
                {line.key.map(|key| view! { <p class="cell-note mono">{key}</p> })}
            </Cell>
            <Cell label="Action">{line.action} {detail}</Cell>
            <Cell label="Where">
                <span class="mono">{or_dash(line.place)}</span>
                {line.place_id.map(|id| view! { <p class="cell-note mono">{format!("ID {id}")}</p> })}
            </Cell>
            <Cell label="Outcome">
                <Badge tone label=line.outcome.label() />
            </Cell>
            <Cell label="Address">
                <span class="mono">{or_dash(line.address)}</span>
            </Cell>
        </tr>
    }
}
