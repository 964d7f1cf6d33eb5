//! The journal of the data plane, as it is searched and exported.

use crate::data::DataEvent;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// An event with its place: no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// One run of one server.
    pub server: Uuid,
    /// 1, 2, 3, … within the run, without gaps.
    pub sequence: u64,
    #[serde(flatten)]
    pub event: DataEvent,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// Events of this moment and later.
    pub from: Option<DateTime<Utc>>,
    /// Events before this moment.
    pub to: Option<DateTime<Utc>>,
    /// `production/DE`.
    pub scope: Option<String>,
    /// The name of an API key, or its public part.
    pub who: Option<String>,
    /// Where the page before this one ended.
    pub cursor: Option<String>,
}

/// Some of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage {
    pub events: Vec<Recorded>,
    /// Goes on from here, also where this page is not full: looking takes a bounded time.
    pub next: Option<String>,
    /// Segments in which something is not as it was written. What they hold is not shown.
    pub damaged: u32,
}

/// Sequences of a run that are in no segment of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalGap {
    pub server: Uuid,
    pub first: u64,
    pub last: u64,
}
