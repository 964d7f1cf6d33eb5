//! The audit log: search and export.

use crate::App;
use crate::pages::form_status;
use crate::run::connections::Connection;
use crate::web::failure::Failure;
use crate::web::forms::Typed;
use crate::web::page::{Page, chrome};
use crate::web::redirect::query_value;
use crate::web::visitor::SignedIn;
use app::pages::AuditPage;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use domain::audit::event::AuditQuery;
use domain::audit::journal::JournalQuery;
use domain::audit::view::{AuditSource, LogView};
use domain::base::address;
use domain::base::form::Form;
use domain::base::number;
use domain::base::words;
use domain::base::words::visible;
use domain::scopes::scope::is_unprintable;
use engine::{Error, Portal, Session};
use futures_util::stream;
use leptos::prelude::*;
use serde::Deserialize;
use serde::Serialize;
use std::ops::Range;

/// The search form as it was filled in.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sought {
    source: String,
    from: String,
    to: String,
    place: String,
    who: String,
    told: String,
    format: String,
}

/// A search, read from the form.
struct Search {
    source: AuditSource,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    place: Option<String>,
    who: Option<String>,
    /// Text of an audit note; only services send one.
    told: Option<String>,
}

/// Formats in which browsers send times, and how long each lasts: "2026-11-25T14:05" is a whole minute.
const TIMES: [(&str, TimeDelta); 3] = [
    ("%Y-%m-%dT%H:%M", TimeDelta::minutes(1)),
    ("%Y-%m-%dT%H:%M:%S", TimeDelta::seconds(1)),
    ("%Y-%m-%dT%H:%M:%S%.f", TimeDelta::microseconds(1)),
];

/// Parses a time as browsers send it, in UTC; returns when it begins and when it is over.
fn moment(text: &str) -> Result<Option<Range<DateTime<Utc>>>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut read = TIMES.iter().filter_map(|(format, lasts)| {
        let at = NaiveDateTime::parse_from_str(text, format).ok()?.and_utc();
        Some(at..at + *lasts)
    });
    let read = read.next().ok_or("Enter a time like 2026-11-25T14:05.")?;
    // Both databases compare these years alike.
    match (1970..=9998).contains(&read.start.year()) {
        true => Ok(Some(read)),
        false => Err("Enter a time from 1970 to 9998."),
    }
}

fn some(text: &str) -> Option<String> {
    // No name and no scope is longer.
    Some(text.trim().chars().take(300).collect::<String>()).filter(|text| !text.is_empty())
}

impl Sought {
    fn of_query(query: &str) -> Self {
        let value = |name| query_value(query, name).unwrap_or_default();
        Self {
            source: value("source"),
            from: value("from"),
            to: value("to"),
            place: value("place"),
            who: value("who"),
            told: value("told"),
            format: String::new(),
        }
    }

    fn read(&self) -> (Search, Form) {
        // A browser's field for times takes nothing but times.
        let shown = |text: &str| if moment(text).is_ok() { text.to_owned() } else { String::new() };
        let mut form = Form::new()
            .with("from", shown(&self.from))
            .with("to", shown(&self.to))
            .with("place", &self.place)
            .with("who", &self.who)
            .with("told", &self.told);
        let mut time = |field, text| {
            moment(text).unwrap_or_else(|wrong| {
                form.refuse(field, wrong);
                None
            })
        };
        // Both ends are included: from 14:05 to 14:05 is a minute.
        let from = time("from", &self.from).map(|lasts| lasts.start);
        let to = time("to", &self.to).map(|lasts| lasts.end);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            form.refuse("to", r#""To" must be after "From"."#);
        }
        let source = AuditSource::from_word(&self.source).unwrap_or_default();
        // People write a whole environment with `/*`, and the list cuts a key with `…`.
        let place = self.place.trim().trim_end_matches("/*");
        let who = self.who.trim().trim_end_matches('…');
        let told = some(&self.told).filter(|_| source == AuditSource::Data);
        (Search { source, from, to, place: some(place), who: some(who), told }, form)
    }

    /// Returns the address of the same search, with a position in the log.
    fn address(&self, place: Option<(&str, &str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("source", &self.source),
            ("from", &self.from),
            ("to", &self.to),
            ("place", &self.place),
            ("who", &self.who),
            ("told", &self.told),
        ];
        query.extend_pairs(fields.into_iter().filter(|(_, text)| !text.is_empty()));
        query.extend_pairs(place);
        format!("{}?{}", address::AUDIT, query.finish())
    }
}

impl Search {
    fn is_filtered(&self) -> bool {
        let texts = [&self.place, &self.who, &self.told];
        self.from.is_some() || self.to.is_some() || texts.into_iter().any(Option::is_some)
    }

    /// Describes the search for the audit log.
    fn said(&self) -> String {
        let times = [("from", self.from), ("before", self.to)];
        let times =
            times.into_iter().filter_map(|(word, at)| Some(format!(", {word} {}", words::moment(at?))));
        let texts = [("at", &self.place), ("by", &self.who), ("for or about", &self.told)];
        let texts = texts.into_iter().filter_map(|(word, text)| Some(format!(", {word} {}", text.as_ref()?)));
        times.chain(texts).collect()
    }

    fn audit(&self) -> AuditQuery {
        AuditQuery { from: self.from, to: self.to, place: self.place.clone(), who: self.who.clone() }
    }

    fn journal(&self, cursor: Option<String>) -> JournalQuery {
        JournalQuery {
            from: self.from,
            to: self.to,
            scope: self.place.clone(),
            who: self.who.clone(),
            told: self.told.clone(),
            cursor,
        }
    }
}

pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let sought = Sought::of_query(&who.visitor.query);
    let (search, form) = sought.read();
    let place = query_value(&who.visitor.query, "before");
    let view = match (form.is_refused(), search.source) {
        (true, _) => LogView {
            source: search.source,
            lines: vec![],
            older: None,
            newest: None,
            is_filtered: true,
            damaged: 0,
        },
        (false, AuditSource::Portal) => of_portal(app.portal(), &sought, &search, place).await?,
        (false, AuditSource::Data) => of_data(app.portal(), &sought, &search, place).await?,
    };
    let chrome = chrome(&app, &who).await?;
    let page = Page::framed(&who, "Audit log").status(form_status(&form));
    Ok(page.show(&app, move || view! { <AuditPage chrome view form /> }))
}

async fn of_portal(
    portal: &Portal,
    sought: &Sought,
    search: &Search,
    place: Option<String>,
) -> Result<LogView, Error> {
    let before = place.and_then(|text| number::plain(&text));
    let view = portal.audit().search_log(&search.audit(), before).await?;
    Ok(LogView {
        source: search.source,
        lines: view.events.into_iter().map(Into::into).collect(),
        older: view.older.map(|sequence| sought.address(Some(("before", &sequence.to_string())))),
        newest: view.is_older_page.then(|| sought.address(None)),
        is_filtered: search.is_filtered(),
        damaged: 0,
    })
}

async fn of_data(
    portal: &Portal,
    sought: &Sought,
    search: &Search,
    place: Option<String>,
) -> Result<LogView, Error> {
    let is_older_page = place.is_some();
    let page = portal.audit().search_journal(&search.journal(place)).await?;
    Ok(LogView {
        source: search.source,
        lines: page.events.into_iter().map(Into::into).collect(),
        older: page.next.map(|cursor| sought.address(Some(("before", &cursor)))),
        newest: is_older_page.then(|| sought.address(None)),
        is_filtered: search.is_filtered(),
        damaged: page.damaged,
    })
}

/// The format of an exported file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    JsonLines,
    Csv,
}

/// Exports the events of a search as a file. The audit log records the export before the first line leaves.
pub async fn export(
    State(app): State<App>,
    who: SignedIn,
    connection: Option<Extension<Connection>>,
    Typed(sought): Typed<Sought>,
) -> Result<Response, Failure> {
    let (search, form) = sought.read();
    let (format, kind, ending, called) = match sought.format.as_str() {
        "csv" => (Format::Csv, "text/csv; charset=utf-8", "csv", "CSV"),
        "jsonl" => (Format::JsonLines, "application/jsonl", "jsonl", "JSON Lines"),
        _ => return Err(Failure::bad_form()),
    };
    if form.is_refused() {
        return Err(Failure::bad_form());
    }
    let what = format!("{} as {called}{}", search.source.label(), search.said());
    // The export ends with the events that exist now and does not follow later ones.
    let end = app.portal().now() + TimeDelta::microseconds(1);
    let search = Search { to: Some(search.to.unwrap_or(end)), ..search };
    app.portal().audit().begin_export(&who.session, &what).await?;
    let name = format!("keystead-audit-{}.{ending}", search.source.word());
    let at_work = connection.map(|Extension(connection)| connection.at_work());
    let (portal, session) = (app.portal().clone(), who.session);
    let pieces = Pieces { portal, session, search, format, next: Next::Head };
    let body = stream::unfold((pieces, at_work), |(mut pieces, at_work)| async move {
        let piece = pieces.piece().await?;
        Some((piece, (pieces, at_work)))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.extend(disposition.ok().map(|value| (CONTENT_DISPOSITION, value)));
    Ok(response)
}

/// A file that is written piece by piece.
struct Pieces {
    portal: Portal,
    session: Session,
    search: Search,
    format: Format,
    next: Next,
}

enum Next {
    Head,
    Portal(i64),
    Data(Option<String>),
    Nothing,
}

const PORTAL_COLUMNS: [&str; 8] =
    ["sequence", "at", "who", "action", "place", "outcome", "detail", "address"];
/// The same names as in the JSON Lines.
const DATA_COLUMNS: [&str; 22] = [
    "server",
    "sequence",
    "at",
    "who",
    "key",
    "door",
    "deed",
    "scope",
    "versions",
    "items",
    "failed",
    "outcome",
    "code",
    "address",
    "event",
    "made",
    "requesting_id",
    "data_label",
    "object_id",
    "request_id",
    "source_ip",
    "custom",
];

impl Pieces {
    /// Returns the next piece. An error breaks the file off, so that nobody takes a part for the whole.
    async fn piece(&mut self) -> Option<Result<Bytes, Error>> {
        let next = std::mem::replace(&mut self.next, Next::Nothing);
        if matches!(next, Next::Nothing) {
            return None;
        }
        let piece = self.continued(next).await;
        if let Err(error) = &piece {
            tracing::warn!(%error, "an audit log export was aborted");
        }
        Some(piece.map(Bytes::from))
    }

    async fn continued(&mut self, next: Next) -> Result<Vec<u8>, Error> {
        // A person who is signed out meanwhile gets no more of it.
        self.portal.people().still(&self.session).await?;
        match next {
            Next::Nothing => Ok(Vec::new()),
            Next::Head => self.head(),
            Next::Portal(after) => self.portal_piece(after).await,
            Next::Data(cursor) => self.data_piece(cursor).await,
        }
    }

    fn head(&mut self) -> Result<Vec<u8>, Error> {
        let (next, columns) = match self.search.source {
            AuditSource::Portal => (Next::Portal(0), &PORTAL_COLUMNS[..]),
            AuditSource::Data => (Next::Data(None), &DATA_COLUMNS[..]),
        };
        self.next = next;
        match self.format {
            Format::Csv => csv([columns.iter().map(ToString::to_string).collect()]),
            Format::JsonLines => Ok(Vec::new()),
        }
    }

    async fn portal_piece(&mut self, after: i64) -> Result<Vec<u8>, Error> {
        let events = self.portal.audit().export_log(&self.search.audit(), after).await?;
        self.next = events.last().map_or(Next::Nothing, |event| Next::Portal(event.sequence));
        match self.format {
            Format::JsonLines => json_lines(&events),
            Format::Csv => csv(events.into_iter().map(|event| {
                vec![
                    event.sequence.to_string(),
                    time(event.at),
                    event.who,
                    event.action.word().to_owned(),
                    event.place,
                    event.outcome.word().to_owned(),
                    event.detail,
                    event.address,
                ]
            })),
        }
    }

    async fn data_piece(&mut self, cursor: Option<String>) -> Result<Vec<u8>, Error> {
        let page = self.portal.audit().export_journal(&self.search.journal(cursor)).await?;
        if page.damaged > 0 {
            return Err(Error::Fault("a journal segment is damaged; the export was aborted".into()));
        }
        self.next = page.next.map_or(Next::Nothing, |cursor| Next::Data(Some(cursor)));
        match self.format {
            Format::JsonLines => json_lines(&page.events),
            Format::Csv => csv(page.events.into_iter().map(|recorded| {
                let event = recorded.event;
                let told = event.told;
                let versions: Vec<_> = event.versions.iter().map(ToString::to_string).collect();
                vec![
                    recorded.server.to_string(),
                    recorded.sequence.to_string(),
                    time(event.at),
                    event.who.clone(),
                    event.key.clone(),
                    event.door.word().to_owned(),
                    event.deed.word().to_owned(),
                    event.scope.clone(),
                    versions.join(" "),
                    event.items.to_string(),
                    event.failed.to_string(),
                    event.outcome.word().to_owned(),
                    event.code.unwrap_or_default(),
                    event.address,
                    event.event.unwrap_or_default(),
                    event.made.to_string(),
                    told.requesting_id.unwrap_or_default(),
                    told.data_label.unwrap_or_default(),
                    told.object_id.unwrap_or_default(),
                    told.request_id.unwrap_or_default(),
                    told.source_ip.unwrap_or_default(),
                    if told.custom.is_empty() { String::new() } else { json_text(&told.custom) },
                ]
            })),
        }
    }
}

/// Formats a time as JSON does: "2026-11-25T14:05:00Z".
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn json_lines<T: Serialize>(events: &[T]) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::new();
    for event in events {
        lines.extend_from_slice(json_text(event).as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Serialises to JSON and escapes all unprintable characters, which JSON has inside its texts only.
fn json_text<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut seen = String::with_capacity(json.len());
    for c in json.chars() {
        match is_unprintable(c) {
            true => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| seen.push_str(&format!("\\u{unit:04x}")))
            }
            false => seen.push(c),
        }
    }
    seen
}

/// Puts an apostrophe before a cell that a spreadsheet would take for a formula (OWASP, CSV injection).
fn guarded(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

fn csv(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, Error> {
    let failed = || Error::Fault("an event cannot be written as CSV".into());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| guarded(visible(&cell)))).map_err(|_| failed())?;
    }
    writer.into_inner().map_err(|_| failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_browsers_send_them() {
        for (text, begins, is_over) in [
            ("2026-11-25T14:05", "2026-11-25T14:05:00Z", "2026-11-25T14:06:00Z"),
            ("2026-11-25T14:05:59", "2026-11-25T14:05:59Z", "2026-11-25T14:06:00Z"),
            ("2026-11-25T14:05:59.5", "2026-11-25T14:05:59.500Z", "2026-11-25T14:05:59.500001Z"),
        ] {
            let read = moment(text).expect("a time").expect("one");
            assert_eq!((time(read.start), time(read.end)), (begins.to_owned(), is_over.to_owned()));
            assert_eq!(serde_json::json!(read.start), begins, "as JSON has it");
        }
        assert_eq!(moment(""), Ok(None));
        for bad in [
            "yesterday",
            "2026-11-25",
            "2026-13-01T00:00",
            "25.11.2026 14:05",
            "+99999-01-01T00:00",
            "0001-01-01T00:00",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_in_a_file_moves_a_terminal() {
        let evil = "\u{1b}[2J\u{9b}\u{202e}gnp\u{200b}\u{2028}\u{e0041}";
        let json = json_text(&evil);
        assert!(json.is_ascii() && serde_json::from_str::<String>(&json).expect("JSON") == evil, "{json}");
        let cells = String::from_utf8(csv([vec![evil.to_owned()]]).expect("CSV")).expect("text");
        assert!(cells.trim_end().chars().all(|c| !is_unprintable(c)), "{cells:?}");
    }

    #[test]
    fn a_spreadsheet_finds_no_formula() {
        let row = vec!["=1+1".to_owned(), "a,b\"c".to_owned(), "-2".to_owned(), "plain".to_owned()];
        let written = String::from_utf8(csv([row]).expect("it is written")).expect("text");
        assert_eq!(written, "'=1+1,\"a,b\"\"c\",'-2,plain\n");
    }
}
