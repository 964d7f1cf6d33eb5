//! The page of the audit log.

use crate::audit::event::{Event, Outcome};
use crate::audit::journal::Recorded;
use crate::base::words::visible;
use crate::scopes::scope::Slug;
use chrono::{DateTime, Utc};
use std::collections::{HashMap, HashSet};

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditView {
    /// Newest first.
    pub events: Vec<Event>,
    /// Continue with events older than this sequence number.
    pub older: Option<i64>,
    pub is_older_page: bool,
}

/// A half of the audit log: actions of people in the portal, or requests of services at the data plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditSource {
    #[default]
    Portal,
    Data,
}

impl AuditSource {
    pub const ALL: [Self; 2] = [Self::Portal, Self::Data];

    pub fn word(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Data => "data",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Portal => "Portal",
            Self::Data => "Data plane",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// A line of the audit log, of either half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub id: String,
    pub at: DateTime<Utc>,
    pub who: String,
    /// The visible beginning of the API key, shown under the name.
    pub key: Option<String>,
    pub action: &'static str,
    pub detail: String,
    pub place: String,
    /// The id of the environment or the scope.
    pub place_id: Option<String>,
    pub outcome: Outcome,
    pub address: String,
}

/// Leaves the ids of the lines whose place means two things: an environment whose URL name another one had before (`reused`), or a
/// country that was removed and added again, both on this page. Every other id is taken off.
pub fn only_ambiguous(lines: &mut [LogLine], reused: &[Slug]) {
    let of_reused = |places: &str| {
        places.split(", ").any(|place| {
            let slug = place.split('/').next();
            reused.iter().any(|reused| Some(reused.as_str()) == slug)
        })
    };
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for line in lines.iter() {
        if let Some(id) = &line.place_id {
            ids.entry(line.place.clone()).or_default().insert(id.clone());
        }
    }
    for line in lines {
        let means_two = || of_reused(&line.place) || ids.get(&line.place).is_some_and(|ids| ids.len() > 1);
        if !means_two() {
            line.place_id = None;
        }
    }
}

/// The page of the audit log: the search and its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    pub source: AuditSource,
    /// Newest first.
    pub lines: Vec<LogLine>,
    /// The query of the next page.
    pub older: Option<String>,
    /// The query without its cursor, when the page does not begin with the newest line.
    pub newest: Option<String>,
    /// The page shows the results of a search.
    pub is_filtered: bool,
    /// Number of damaged segments: their content is not as it was written, and their events are not shown.
    pub damaged: u32,
}

impl From<Event> for LogLine {
    fn from(event: Event) -> Self {
        Self {
            id: event.sequence.to_string(),
            at: event.at,
            // People and services wrote these texts: a direction mark in one of them could reorder the line on the screen.
            who: visible(&event.who),
            key: None,
            action: event.action.label(),
            detail: visible(&event.detail),
            place: visible(&event.place),
            place_id: Some(visible(&event.place_id)).filter(|id| !id.is_empty()),
            outcome: event.outcome,
            address: visible(&event.address),
        }
    }
}

impl From<Recorded> for LogLine {
    fn from(recorded: Recorded) -> Self {
        let Recorded { server, sequence, event } = recorded;
        Self {
            id: format!("{server}-{sequence}"),
            at: event.at,
            detail: visible(&event.detail()),
            key: Some(format!("{}…", event.key)),
            who: visible(&event.who),
            action: event.deed.label(),
            place: visible(&event.scope),
            place_id: event.scope_id.map(|id| id.to_string()),
            outcome: event.outcome,
            address: visible(&event.address),
        }
    }
}
