//! Searches the journal: rows of the database, and this server's files that are not rows yet.

use crate::Error;
use crate::audit::Audit;
use crate::audit::journal::chain::{Head, RunKey, same};
use crate::audit::journal::keep::{TOO_BIG, i64_of, row_seal, whole_micros};
use crate::audit::journal::segment;
use crate::audit::journal::segment::{Damage, Name};
use crate::audit::journal::{Journal, blocking, not_written};
use crate::base::files;
use crate::store::Db;
use crate::store::journal::{Mark, Segment, begin_of_time, end_of_time};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use domain::audit::journal::{JournalGap, JournalPage, JournalQuery, Recorded};
use domain::data::operation::DataEvent;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use uuid::Uuid;

/// Number of events on one page of a search, and in one piece of an export.
const PAGE: usize = 50;
const PIECE: usize = 5000;
/// Maximum rows opened for a page, besides those that it needs in any case.
const OPENED: usize = 32;
/// Number of rows listed at once, without their bodies.
const LISTED: u32 = 64;

/// The position of an event in time. Server and sequence break ties.
type Cursor = (i64, Uuid, u64);
type Found = BTreeMap<Cursor, Recorded>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

/// The result of verifying a stored segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentState {
    Whole {
        events: u64,
    },
    /// A description of the damage.
    Damaged(String),
}

/// A search whose time range has both ends.
#[derive(Clone)]
struct Search {
    order: Order,
    size: usize,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    query: JournalQuery,
    cursor: Option<Cursor>,
}

impl Search {
    fn new(query: &JournalQuery, order: Order, size: usize) -> Result<Self, Error> {
        let cursor =
            query.cursor.as_deref().map(|text| read_cursor(text).ok_or(Error::NotFound)).transpose()?;
        let from = whole_micros(query.from.unwrap_or(begin_of_time()));
        let to = whole_micros(query.to.unwrap_or(end_of_time()));
        let mut search = Self { order, size, from, to, query: query.clone(), cursor };
        // Segments that cannot hold anything behind the cursor are not even listed.
        if let Some(at) = cursor.and_then(|place| DateTime::from_timestamp_micros(place.0)) {
            match order {
                // `to` is exclusive, and the cursor's own microsecond may hold more events.
                Order::NewestFirst => search.to = to.min(at + TimeDelta::microseconds(1)),
                Order::OldestFirst => search.from = from.max(at),
            }
        }
        Ok(search)
    }

    fn is_before(&self, one: Cursor, other: Cursor) -> bool {
        match self.order {
            Order::NewestFirst => one > other,
            Order::OldestFirst => one < other,
        }
    }

    fn wants(&self, place: Cursor, event: &DataEvent) -> bool {
        (self.from.timestamp_micros()..self.to.timestamp_micros()).contains(&place.0)
            && self.cursor.is_none_or(|cursor| self.is_before(cursor, place))
            && self.query.wants(event)
    }

    /// Returns the first moment, in search order, at which a segment may hold something.
    fn edge(&self, row: &Segment) -> DateTime<Utc> {
        match self.order {
            Order::NewestFirst => row.last_at.min(self.to - TimeDelta::microseconds(1)),
            Order::OldestFirst => row.first_at.max(self.from),
        }
    }

    /// Returns a cursor before every event of a moment, in search order.
    fn before_all(&self, at: DateTime<Utc>) -> Cursor {
        match self.order {
            Order::NewestFirst => (at.timestamp_micros(), Uuid::max(), u64::MAX),
            Order::OldestFirst => (at.timestamp_micros(), Uuid::nil(), 0),
        }
    }

    /// Adds the matching events of a segment, and drops those that are surely behind the page.
    fn add(&self, found: &mut Found, server: Uuid, events: Vec<(u64, DataEvent)>) {
        for (sequence, event) in events {
            let place = (event.at.timestamp_micros(), server, sequence);
            if !self.wants(place, &event) {
                continue;
            }
            found.insert(place, Recorded { server, sequence, event });
            if found.len() > self.size + 1 {
                match self.order {
                    Order::NewestFirst => found.pop_first(),
                    Order::OldestFirst => found.pop_last(),
                };
            }
        }
    }

    /// Checks whether nothing that begins at this moment can be on the page any more.
    fn is_full(&self, found: &Found, at: DateTime<Utc>) -> bool {
        let last = match self.order {
            Order::NewestFirst => found.first_key_value(),
            Order::OldestFirst => found.last_key_value(),
        };
        found.len() > self.size && last.is_some_and(|(last, _)| self.is_before(*last, self.before_all(at)))
    }

    /// Builds the page. The search has covered everything up to `frontier`.
    fn page(&self, found: Found, frontier: Option<DateTime<Utc>>, damaged: u32) -> JournalPage {
        let frontier = frontier.map(|at| self.before_all(at));
        let mut sorted: Vec<_> = found.into_iter().collect();
        if self.order == Order::NewestFirst {
            sorted.reverse();
        }
        if let Some(frontier) = frontier {
            // The search has not opened the rows behind the frontier, so other events may come before those found there.
            sorted.retain(|(place, _)| self.is_before(*place, frontier));
        }
        let has_more = sorted.len() > self.size;
        sorted.truncate(self.size);
        let next = if has_more { sorted.last().map(|(place, _)| *place) } else { frontier };
        let events = sorted.into_iter().map(|(_, recorded)| recorded).collect();
        JournalPage { events, next: next.map(write_cursor), damaged }
    }
}

fn write_cursor((at, server, sequence): Cursor) -> String {
    let bytes = [&at.to_be_bytes()[..], server.as_bytes(), &sequence.to_be_bytes()].concat();
    BASE64URL_NOPAD.encode(&bytes)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let bytes: [u8; 32] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (server, sequence) = rest.split_first_chunk::<16>()?;
    let at = i64::from_be_bytes(*at);
    // Only times that the journal can contain.
    (begin_of_time().timestamp_micros()..=end_of_time().timestamp_micros()).contains(&at).then_some(())?;
    Some((at, Uuid::from_bytes(*server), u64::from_be_bytes(sequence.try_into().ok()?)))
}

impl Journal {
    async fn search(&self, search: Search) -> Result<JournalPage, Error> {
        // Files are read before rows: a file that becomes a row in the meantime is found twice, and counts once.
        let (mut found, mut damaged) = self.in_files(&search).await?;
        let (mut opened, mut mark, mut begin): (usize, Option<Mark>, _) = (0, None, None);
        loop {
            let rows = self.listed(&search, mark).await?;
            for row in &rows {
                let edge = search.edge(row);
                if search.is_full(&found, edge) {
                    return Ok(search.page(found, None, damaged));
                }
                // Rows that reach as far as the first one are opened in any case, so that each page makes progress.
                if opened >= OPENED && begin != Some(edge) {
                    return Ok(search.page(found, Some(edge), damaged));
                }
                begin.get_or_insert(edge);
                opened += 1;
                match self.opened(row).await? {
                    Some(Ok(events)) => search.add(&mut found, row.server, events),
                    Some(Err(damage)) => {
                        damaged += 1;
                        tracing::error!(server = %row.server, first = row.first_sequence, %damage, "a stored journal segment is damaged");
                    }
                    // Retention deleted it.
                    None => {}
                }
            }
            let Some(last) = rows.last().filter(|_| rows.len() == LISTED as usize) else {
                return Ok(search.page(found, None, damaged));
            };
            let at = if search.order == Order::NewestFirst { last.last_at } else { last.first_at };
            mark = Some((at, last.server, last.first_sequence));
        }
    }

    async fn listed(&self, search: &Search, mark: Option<Mark>) -> Result<Vec<Segment>, Error> {
        let (db, from, to) = (&self.0.db, search.from, search.to);
        match search.order {
            Order::NewestFirst => db.journal().newest_segments(from, to, mark, LISTED).await,
            Order::OldestFirst => db.journal().oldest_segments(from, to, mark, LISTED).await,
        }
    }

    /// Returns the events of a row; `None` when the row no longer exists.
    async fn opened(&self, row: &Segment) -> Result<Option<Result<Vec<(u64, DataEvent)>, Damage>>, Error> {
        let Some(body) = self.0.db.journal().segment_body(row.server, row.first_sequence).await? else {
            return Ok(None);
        };
        let (inner, row) = (Arc::clone(&self.0), row.clone());
        blocking(move || Some(in_row(&row, &body, &inner.key.run(row.server)))).await
    }

    async fn in_files(&self, search: &Search) -> Result<(Found, u32), Error> {
        let (inner, search) = (Arc::clone(&self.0), search.clone());
        let found = blocking(move || {
            let (mut found, mut damaged) = (Found::new(), 0);
            for name in inner.names()? {
                let text = match files::read(&inner.path(name), TOO_BIG) {
                    // The file became a row in the meantime, and the rows are read after the files.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                        damaged += 1;
                        continue;
                    }
                    text => text?,
                };
                match events_of(name, &text, &inner.key.run(name.run)) {
                    Ok(events) => search.add(&mut found, name.run, events),
                    // `set_aside` logs and records the damage when the maintenance comes to this file.
                    Err(_) => damaged += 1,
                }
            }
            Ok((found, damaged))
        });
        found.await?.map_err(not_written)
    }

    async fn state(&self, server: Uuid, first_sequence: u64) -> Result<SegmentState, Error> {
        let first = i64_of(first_sequence);
        let row = self.0.db.journal().segment(server, first).await?.ok_or(Error::NotFound)?;
        Ok(match self.opened(&row).await?.ok_or(Error::NotFound)? {
            Ok(events) => SegmentState::Whole { events: events.len() as u64 },
            Err(Damage(what)) => SegmentState::Damaged(what),
        })
    }
}

/// Returns the events that should be in the database and are not.
pub(super) async fn gaps(db: &Db) -> Result<Vec<JournalGap>, Error> {
    let mut gaps = Vec::new();
    for run in db.journal().runs().await? {
        let mut through = run.removed_through;
        let mut miss = |through: i64, next: i64| {
            if next > through + 1 {
                let (first, last) = ((through + 1).unsigned_abs(), (next - 1).unsigned_abs());
                gaps.push(JournalGap { server: run.id, first, last });
            }
        };
        for row in db.journal().segments_of(run.id).await? {
            miss(through, row.first_sequence);
            through = through.max(row.last_sequence);
        }
        // A run that was killed, or still runs, has stored no last sequence, so nothing counts as missing at its end.
        if let Some(last) = run.last_sequence {
            miss(through, last + 1);
        }
    }
    Ok(gaps)
}

/// Returns the events of a file with their sequences, and verifies its chain.
pub(super) fn events_of(name: Name, text: &[u8], key: &RunKey) -> Result<Vec<(u64, DataEvent)>, Damage> {
    let segment = segment::read(name, text, key)?;
    segment.map_or_else(|| Ok(Vec::new()), |segment| numbered(&segment))
}

/// Returns the events of a row, and verifies them.
pub(super) fn in_row(row: &Segment, body: &[u8], key: &RunKey) -> Result<Vec<(u64, DataEvent)>, Damage> {
    events(row, &unpack(row, body, key)?, key)
}

/// Returns the text of a row after its seal is checked. Keystead decompresses nothing that it did not store.
fn unpack(row: &Segment, body: &[u8], key: &RunKey) -> Result<Vec<u8>, Damage> {
    if !same(&row_seal(key, row, body), &row.seal) {
        return Err(Damage("its row is not as it was stored".into()));
    }
    // The seal covers `plain_bytes`, so nobody who can only write to the database chooses the capacity.
    let mut text = Vec::with_capacity(usize::try_from(row.plain_bytes).unwrap_or_default());
    let unpacked = GzDecoder::new(body).read_to_end(&mut text);
    unpacked.map(|_| text).map_err(|error| Damage(error.to_string()))
}

/// Returns the events of a row's text. The chain must lead from the code at which the row begins to the code at which it ends.
fn events(row: &Segment, text: &[u8], key: &RunKey) -> Result<Vec<(u64, DataEvent)>, Damage> {
    let code = row.mac_before.as_slice().try_into().map_err(|_| Damage("it begins nowhere".into()))?;
    let before = Head { sequence: row.first_sequence.unsigned_abs().saturating_sub(1), code };
    let segment = segment::read_events(row.server, before, text, key)?;
    let Head { sequence, code } = segment.after;
    if i64_of(sequence) != row.last_sequence || !same(&code, &row.mac_after) {
        return Err(Damage("its events do not lead to where it ends".into()));
    }
    numbered(&segment)
}

/// Parses the events, each with its sequence.
fn numbered(segment: &segment::Segment<'_>) -> Result<Vec<(u64, DataEvent)>, Damage> {
    let numbered = (segment.before.sequence + 1..).zip(&segment.events);
    let events = numbered.map(|(sequence, json)| match serde_json::from_slice(json) {
        Ok(event) => Ok((sequence, event)),
        Err(error) => Err(Damage(format!("event {sequence} cannot be read: {error}"))),
    });
    events.collect()
}

impl Audit {
    /// Returns events of the data plane, newest first, a page at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an invalid cursor; when the database or the disk fails.
    pub async fn search_journal(&self, query: &JournalQuery) -> Result<JournalPage, Error> {
        self.journal()?.search(Search::new(query, Order::NewestFirst, PAGE)?).await
    }

    /// Returns the same events, oldest first, in large pieces for a file. The next piece begins at the cursor of this one.
    ///
    /// # Errors
    /// As [`Audit::search_journal`].
    pub async fn export_journal(&self, query: &JournalQuery) -> Result<JournalPage, Error> {
        self.journal()?.search(Search::new(query, Order::OldestFirst, PIECE)?).await
    }

    /// Verifies a stored segment: its row, and every event of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such segment.
    pub async fn verify_segment(&self, server: Uuid, first_sequence: u64) -> Result<SegmentState, Error> {
        self.journal()?.state(server, first_sequence).await
    }

    /// Returns the events that should be in the database and are not: between the segments of a run, and at the end of a run
    /// that ended in good order. Files on another server count as missing until that server stores them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn journal_gaps(&self) -> Result<Vec<JournalGap>, Error> {
        gaps(self.vault.db()).await
    }
}
