//! The audit log: a line is appended in the transaction of the action that it records, and never changed.

use super::{ROWS, corrupt, on, table, within};
use crate::Error;
use crate::base::email::Spellings;
use crate::base::entry::{Entry, NOT_SIGNED_IN, STRANGER};
use crate::base::error::VaultError;
use crate::store::text::{With, kept, sought};
use chrono::{DateTime, Utc};
use domain::audit::event::{Action, AuditQuery, Event, Moves, Outcome};
use domain::base::id::ScopeId;
use domain::base::typed::trimmed;
use sqlx::QueryBuilder;
use std::collections::HashSet;

#[derive(sqlx_macros::FromRow)]
struct Row {
    sequence: i64,
    at: DateTime<Utc>,
    actor_kind: String,
    who: String,
    action: String,
    place: String,
    place_id: String,
    outcome: String,
    detail: String,
    address: String,
}

impl TryFrom<Row> for Event {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        let column = |name| corrupt("audit_event", name, row.sequence);
        Ok(Self {
            action: Action::from_word(&row.action).ok_or_else(|| column("action"))?,
            outcome: Outcome::from_word(&row.outcome).ok_or_else(|| column("outcome"))?,
            sequence: row.sequence,
            at: row.at,
            // Older releases called somebody who is not signed in by another name.
            who: if row.actor_kind == STRANGER { NOT_SIGNED_IN.to_owned() } else { row.who },
            place: row.place,
            place_id: row.place_id,
            detail: row.detail,
            address: row.address,
        })
    }
}

/// Selects the columns of a [`Row`].
macro_rules! select {
    () => {
        "SELECT sequence, at, actor_kind, who, action, place, place_id, outcome, detail, address FROM audit_event WHERE "
    };
}

macro_rules! select_events {
    ($place:literal, $order:literal) => {
        concat!(
            select!(),
            $place,
            " AND ($3 IS NULL OR at >= $3) AND ($4 IS NULL OR at < $4) AND ($5 OR LOWER(place) = $6 \
             OR LOWER(SUBSTR(place, 1, LENGTH($6) + 1)) = $6 || '/' OR place_id = $6) \
             AND ($7 OR LOWER(who) IN ($8, $10, $11) OR ($9 AND actor_kind = 'stranger')) \
             AND ($12 IS NULL OR version = $12) ORDER BY sequence ",
            $order,
            " LIMIT $2"
        )
    };
}

/// The numbers of the data plane's epoch and of the audit log at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct Epoch {
    /// Incremented with every change that the data plane must see.
    #[sqlx(rename = "data_epoch")]
    pub number: i64,
    /// Number of the last line of the log.
    #[sqlx(rename = "audit_sequence")]
    pub sequence: i64,
    pub timeline: i64,
    /// Somebody found that this database is older than it was.
    pub is_older: bool,
    /// Number of the schema, which a newer release may have raised.
    pub schema: i64,
    /// The latest time that a server has recorded.
    pub latest_at: Option<DateTime<Utc>>,
}

/// The columns of an event that tell what it changed for the data plane.
#[derive(sqlx_macros::FromRow)]
struct Mark {
    action: String,
    outcome: String,
    place: String,
}

/// Maximum number of lines of the log that are looked through at once.
const LOOKED_THROUGH: i64 = 10_000;

table!(audit: Read, Write);

impl Read<'_> {
    pub(crate) async fn data_epoch(&self) -> Result<Epoch, Error> {
        const SQL: &str = "SELECT data_epoch, audit_sequence, timeline, older_than IS NOT NULL AS is_older, \
                           (SELECT MAX(version) FROM _sqlx_migrations) AS schema, latest_at FROM instance WHERE id = 1";
        Ok(on!(self.0, pool => sqlx::query_as(SQL).fetch_one(pool).await)?)
    }

    /// Returns the scopes that got another version between two states of the log. Returns `None` when more than that changed,
    /// or when there are so many lines that reading everything again is no more work.
    pub(crate) async fn scopes_moved(
        &self,
        from: Epoch,
        to: Epoch,
    ) -> Result<Option<HashSet<String>>, Error> {
        const SQL: &str =
            "SELECT action, outcome, place FROM audit_event WHERE sequence > $1 AND sequence <= $2";
        let (lines, moves) = (to.sequence - from.sequence, to.number - from.number);
        if !(0..=LOOKED_THROUGH).contains(&lines) {
            return Ok(None);
        }
        let marks: Vec<Mark> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(from.sequence).with(to.sequence).fetch_all(pool).await)?;
        // A log with missing lines is no evidence.
        if i64::try_from(marks.len()) != Ok(lines) {
            return Ok(None);
        }
        let (mut scopes, mut movers) = (HashSet::new(), 0);
        for mark in marks {
            let ended = Action::from_word(&mark.action).zip(Outcome::from_word(&mark.outcome));
            match ended.map(|(action, outcome)| action.moves(outcome)) {
                Some(Moves::Nothing) => {}
                Some(Moves::Versions) => {
                    scopes.insert(mark.place);
                    movers += 1;
                }
                Some(Moves::Everything) | None => return Ok(None),
            }
        }
        // Each increment of the epoch has a line that explains it, unless another release of Keystead made it.
        Ok((1..=movers).contains(&moves).then_some(scopes))
    }

    /// Checks whether there is any line.
    pub(crate) async fn any(&self) -> Result<bool, Error> {
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM audit_event LIMIT 1) AS one";
        let count: i64 = on!(self.0, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)?;
        Ok(count > 0)
    }

    /// Returns the time of a line.
    pub(crate) async fn line_at(&self, sequence: i64) -> Result<Option<DateTime<Utc>>, Error> {
        const SQL: &str = "SELECT at FROM audit_event WHERE sequence = $1";
        Ok(on!(self.0, pool => sqlx::query_scalar(SQL).with(sequence).fetch_optional(pool).await)?)
    }

    /// Returns events older than `before` (or the newest), newest first.
    pub(crate) async fn events(
        &self,
        query: &AuditQuery,
        before: Option<i64>,
        count: u32,
    ) -> Result<Vec<Event>, Error> {
        const SQL: &str = select_events!("sequence < $1", "DESC");
        self.found_events(SQL, query, before.unwrap_or(i64::MAX), count).await
    }

    /// Returns events newer than `after`, oldest first.
    pub(crate) async fn events_after(
        &self,
        query: &AuditQuery,
        after: i64,
        count: u32,
    ) -> Result<Vec<Event>, Error> {
        const SQL: &str = select_events!("sequence > $1", "ASC");
        self.found_events(SQL, query, after, count).await
    }

    /// Returns lines about a version, the newest first.
    pub(crate) async fn of_version(
        &self,
        scope: ScopeId,
        number: u32,
        count: u32,
    ) -> Result<Vec<Event>, Error> {
        const SQL: &str =
            concat!(select!(), "place_id = $1 AND version = $2 ORDER BY sequence DESC LIMIT $3");
        let rows: Vec<Row> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(sought(&scope.to_string())).with(i64::from(number)).with(i64::from(count)).fetch_all(pool).await)?;
        rows.into_iter().map(Event::try_from).collect()
    }

    /// Returns the line that records how a version was made.
    pub(crate) async fn creation_of(&self, scope: ScopeId, number: u32) -> Result<Option<Event>, Error> {
        const SQL: &str = concat!(select!(), "place_id = $1 AND version = $2 ORDER BY sequence LIMIT 1");
        let row: Option<Row> = on!(self.0, pool => sqlx::query_as(SQL)
            .with(sought(&scope.to_string())).with(i64::from(number)).fetch_optional(pool).await)?;
        row.map(Event::try_from).transpose()
    }

    async fn found_events(
        &self,
        sql: &'static str,
        query: &AuditQuery,
        from: i64,
        count: u32,
    ) -> Result<Vec<Event>, Error> {
        let place = query.place.as_ref().map(|place| place.to_lowercase());
        let who = query.who.as_deref();
        let strangers = who.is_some_and(|who| trimmed(who).eq_ignore_ascii_case(NOT_SIGNED_IN));
        let [first, second, third] = who.map(|who| Spellings::of(who).0.map(Some)).unwrap_or_default();
        let rows: Vec<Row> = on!(self.0, pool => sqlx::query_as(sql)
            .with(from).with(i64::from(count)).with(query.from).with(query.to)
            .with(place.is_none()).with(place.as_deref().map(sought)).with(who.is_none()).with(first.as_deref().map(sought))
            .with(strangers).with(second.as_deref().map(sought)).with(third.as_deref().map(sought))
            .with(query.version.map(i64::from)).fetch_all(pool).await)?;
        rows.into_iter().map(Event::try_from).collect()
    }
}

impl Write<'_> {
    /// Appends events under the next sequence numbers and returns the first of them. The number comes from a row
    /// that stays locked until the commit, so that numbers have no gaps and follow the order of the commits.
    pub(super) async fn append(&mut self, entries: &[Entry]) -> Result<i64, Error> {
        const NEXT: &str = "UPDATE instance SET audit_sequence = audit_sequence + $1, data_epoch = data_epoch + $2 \
                            WHERE id = 1 RETURNING audit_sequence - $1 + 1, older_than IS NOT NULL";
        const SQL: &str = "INSERT INTO audit_event (sequence, at, actor_kind, actor_id, who, action, place, place_id, \
                           outcome, detail, address, version) ";
        let moves = |entry: &Entry| entry.action.moves(entry.outcome) != Moves::Nothing;
        // One increment for all lines together: `scopes_moved` accepts fewer increments than lines.
        let moves_data = i64::from(entries.iter().any(moves));
        let many = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let (first, is_older): (i64, bool) =
            within!(self.0, c => sqlx::query_as(NEXT).with(many).with(moves_data).fetch_one(c).await)?;
        // The last check of all: another server may have found the database older a moment ago.
        let makes = |entry: &Entry| entry.action.moves(entry.outcome) == Moves::Versions;
        if is_older && entries.iter().any(makes) {
            return Err(Error::Vault(VaultError::OlderDatabase));
        }
        let mut numbers = first..;
        for some in entries.chunks(ROWS) {
            within!(self.0, c => {
                let mut query = QueryBuilder::new(SQL);
                query.push_values(some.iter().zip(numbers.by_ref()), |mut values, (entry, number)| {
                    values
                        .with(number).with(entry.at).with(entry.actor.kind())
                        .with(entry.actor.id().map(|id| id.0)).with(kept(entry.actor.name()))
                        .with(entry.action.word()).with(kept(&entry.place.name)).with(kept(&entry.place.id)).with(entry.outcome.word())
                        .with(kept(&entry.detail)).with(kept(entry.actor.address()))
                        .with(entry.version.map(i64::from));
                });
                query.build().execute(c).await.map(drop)
            })?;
        }
        Ok(first)
    }
}
