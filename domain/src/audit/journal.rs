//! The journal of the data plane, as it is searched and exported.

use crate::base::id::ScopeId;
use crate::data::operation::DataEvent;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// An event with its position in the journal; each position is unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The id of one run of one server.
    pub server: Uuid,
    /// 1, 2, 3, … within the run, without gaps.
    pub sequence: u64,
    #[serde(flatten)]
    pub event: DataEvent,
}

/// A search in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// Events at this moment and later.
    pub from: Option<DateTime<Utc>>,
    /// Events before this moment.
    pub to: Option<DateTime<Utc>>,
    /// `production/DE`, or `production` for each of its countries. Or the id of a scope.
    pub scope: Option<String>,
    /// The name of an API key without regard to case, or its public part.
    pub who: Option<String>,
    /// The requesting ID or the object ID, exactly as the service sent it.
    pub told: Option<String>,
    /// The position at which the previous page ended.
    pub cursor: Option<String>,
}

impl JournalQuery {
    /// Checks whether an event matches the scope, the API key and the ID of the search.
    pub fn wants(&self, event: &DataEvent) -> bool {
        let says = |told: &String| {
            [&event.told.requesting_id, &event.told.object_id].into_iter().any(|id| id.as_ref() == Some(told))
        };
        self.scope.as_ref().is_none_or(|place| is_within(&event.scope, place) || is_id(event.scope_id, place))
            // The public part of an API key is base64, in which case matters.
            && self.who.as_ref().is_none_or(|who| alike(who, &event.who) || *who == event.key)
            && self.told.as_ref().is_none_or(says)
    }
}

/// Checks whether a scope is `place` or, when `place` is an environment, belongs to it.
fn is_within(scope: &str, place: &str) -> bool {
    let environment = scope.split_once('/').map(|(environment, _)| environment);
    alike(scope, place) || environment.is_some_and(|environment| alike(environment, place))
}

/// Checks whether `place` is the id of the scope.
fn is_id(scope: Option<ScopeId>, place: &str) -> bool {
    scope.is_some_and(|id| place.parse() == Ok(id))
}

/// Compares two texts without regard to case.
fn alike(one: &str, other: &str) -> bool {
    let is_ascii = one.is_ascii() && other.is_ascii();
    // Most texts are ASCII, and `to_lowercase` would allocate twice for each event that a search reads.
    one.eq_ignore_ascii_case(other) || (!is_ascii && one.to_lowercase() == other.to_lowercase())
}

/// A page of search results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage {
    pub events: Vec<Recorded>,
    /// The cursor of the next page. A page that is not full may have one too, because a search stops after a bounded time.
    pub next: Option<String>,
    /// Number of damaged segments: their content is not as it was written, and their events are not shown.
    pub damaged: u32,
}

/// A range of a run's sequence numbers that no segment in the database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalGap {
    pub server: Uuid,
    pub first: u64,
    pub last: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::operation::AuditNote;
    use crate::data::operation::tests::an_event;

    #[test]
    fn an_event_is_found_by_place_by_key_and_by_what_the_service_said() {
        let event = DataEvent {
            who: "Aufträge".into(),
            scope_id: Some(ScopeId(Uuid::from_u128(7))),
            told: AuditNote {
                requesting_id: Some("billing".into()),
                object_id: Some("order 17".into()),
                data_label: Some("invoice".into()),
                ..AuditNote::default()
            },
            ..an_event()
        };
        let text = |text: &str| Some(text.to_owned());
        let place = |place| JournalQuery { scope: text(place), ..JournalQuery::default() };
        let who = |who| JournalQuery { who: text(who), ..JournalQuery::default() };
        let told = |told| JournalQuery { told: text(told), ..JournalQuery::default() };
        let found = [
            place("production/DE"),
            place("production"),
            place("Production/de"),
            place("00000000-0000-0000-0000-000000000007"),
            who("aufträge"),
            who("AUFTRÄGE"),
            who("kstdAbCd1234"),
            told("billing"),
            told("order 17"),
        ];
        let not_found = [
            place("production/D"),
            place("prod"),
            place("DE"),
            place("00000000-0000-0000-0000-000000000008"),
            who("auftrag"),
            who("kstdabcd1234"),
            told("Billing"),
            told("order"),
            told("invoice"),
        ];
        assert!(JournalQuery::default().wants(&event));
        found.iter().for_each(|query| assert!(query.wants(&event), "{query:?}"));
        not_found.iter().for_each(|query| assert!(!query.wants(&event), "{query:?}"));
        let both = JournalQuery { told: text("billing"), ..place("staging") };
        assert!(!both.wants(&event), "all of it must fit");
    }
}
