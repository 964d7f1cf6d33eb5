//! The journal of the data plane, as it is searched and exported.

use crate::data::operation::DataEvent;
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
    /// `production/DE`, or `production` for each of its countries.
    pub scope: Option<String>,
    /// The name of an API key without regard to case, or its public part.
    pub who: Option<String>,
    /// The requesting ID or the object ID, exactly as the service said it.
    pub told: Option<String>,
    /// Where the page before this one ended.
    pub cursor: Option<String>,
}

impl JournalQuery {
    /// Whether an event is of this place, by this key and about this.
    pub fn wants(&self, event: &DataEvent) -> bool {
        let says = |told: &String| {
            [&event.told.requesting_id, &event.told.object_id].into_iter().any(|id| id.as_ref() == Some(told))
        };
        self.scope.as_ref().is_none_or(|place| is_within(&event.scope, place))
            && self.who.as_ref().is_none_or(|who| alike(who, &event.who) || *who == event.key)
            && self.told.as_ref().is_none_or(says)
    }
}

/// Whether a scope is this place or, where this is an environment, in it.
fn is_within(scope: &str, place: &str) -> bool {
    let environment = scope.split_once('/').map(|(environment, _)| environment);
    alike(scope, place) || environment.is_some_and(|environment| alike(environment, place))
}

/// Without regard to case.
fn alike(one: &str, other: &str) -> bool {
    let is_ascii = one.is_ascii() && other.is_ascii();
    one.eq_ignore_ascii_case(other) || (!is_ascii && one.to_lowercase() == other.to_lowercase())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::operation::AuditNote;
    use crate::data::operation::tests::an_event;

    #[test]
    fn an_event_is_found_by_place_by_key_and_by_what_the_service_said() {
        let event = DataEvent {
            who: "Aufträge".into(),
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
