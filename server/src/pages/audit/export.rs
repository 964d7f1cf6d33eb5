//! Export of the audit log as a file.

use super::search::{Search, Sought};
use crate::App;
use crate::run::connections::Connection;
use crate::web::failure::Failure;
use crate::web::forms::Typed;
use crate::web::visitor::SignedIn;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::audit::view::AuditSource;
use domain::base::words::visible;
use domain::scopes::scope::is_unprintable;
use engine::{Error, Portal, Session};
use futures_util::stream;
use serde::Serialize;

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
    // The end is exclusive, so it lies one microsecond later.
    let end = app.portal().now() + TimeDelta::microseconds(1);
    let search = search.until(end);
    app.portal().audit().begin_export(&who.session, &what).await?;
    let name = format!("keystead-audit-{}.{ending}", search.source.word());
    // The body is made while it is sent. Until its end the connection is at work and does not count as idle.
    let at_work = connection.map(|Extension(connection)| connection.at_work(who.session.holder()));
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

const PORTAL_COLUMNS: [&str; 9] =
    ["sequence", "at", "who", "action", "place", "outcome", "detail", "address", "place_id"];
/// The same names as in the JSON Lines.
const DATA_COLUMNS: [&str; 23] = [
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
    "scope_id",
];

/// The byte order mark (RFC 3629, 6). Without it, Excel takes a CSV file for one in the encoding of the machine: "JÃ¼rgen".
const MARK: &[u8] = "\u{feff}".as_bytes();

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
            Format::Csv => {
                let head = csv([columns.iter().map(ToString::to_string).collect()])?;
                Ok([MARK, &head].concat())
            }
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
                    event.place_id,
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
                    event.scope_id.map(|id| id.to_string()).unwrap_or_default(),
                ]
            })),
        }
    }
}

/// Formats a time as JSON does: "2026-11-25T14:05:00Z".
pub(super) fn time(at: DateTime<Utc>) -> String {
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
