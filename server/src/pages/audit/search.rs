//! The search form of the audit log.

use crate::web::redirect::query_value;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use domain::audit::event::AuditQuery;
use domain::audit::journal::JournalQuery;
use domain::audit::view::AuditSource;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::ScopeId;
use domain::base::number;
use domain::base::typed::trimmed;
use domain::base::words;
use domain::scopes::scope::ScopeName;
use serde::Deserialize;
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
    /// Format of the export; empty on the page.
    pub(super) format: String,
}

/// A search, read from the form.
pub(super) struct Search {
    pub source: AuditSource,
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
    let text = trimmed(text);
    if text.is_empty() {
        return Ok(None);
    }
    let mut read = TIMES.iter().filter_map(|(format, lasts)| {
        let at = NaiveDateTime::parse_from_str(text, format).ok()?.and_utc();
        Some((at, *lasts))
    });
    let (at, lasts) = read.next().ok_or("Enter a time like 2026-11-25T14:05.")?;
    // Both databases compare these years alike, and the end of each of these times can be computed.
    match (1970..=9998).contains(&at.year()) {
        true => Ok(Some(at..at + lasts)),
        false => Err("Enter a time from 1970 to 9998."),
    }
}

fn some(text: &str) -> Option<String> {
    // No name and no scope is longer.
    Some(trimmed(text).chars().take(300).collect::<String>()).filter(|text| !text.is_empty())
}

/// Splits "production/DE/3", or the id of a country and a number, into the country and the number of the version.
fn of_version(place: &str) -> (String, Option<u32>) {
    let is_country = |text: &str| text.parse::<ScopeName>().is_ok() || text.parse::<ScopeId>().is_ok();
    let of_country = place.rsplit_once('/').filter(|(country, _)| is_country(country));
    match of_country.and_then(|(country, text)| Some((country, number::plain(text)?))) {
        Some((country, number)) => (country.to_owned(), Some(number)),
        None => (place.to_owned(), None),
    }
}

impl Sought {
    pub(super) fn of_query(query: &str) -> Self {
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

    pub(super) fn read(&self) -> (Search, Form) {
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
        let place = trimmed(&self.place).trim_end_matches("/*");
        let who = trimmed(&self.who).trim_end_matches('…');
        if source == AuditSource::Data && of_version(place).1.is_some() {
            form.refuse("place", "The log of services is not searched by version. Enter the country alone.");
        }
        let told = some(&self.told).filter(|_| source == AuditSource::Data);
        (Search { source, from, to, place: some(place), who: some(who), told }, form)
    }

    /// Returns the address of the same search, with a position in the log.
    pub(super) fn address(&self, place: Option<(&str, &str)>) -> String {
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
    /// Returns the same search, which ends at this moment if it had no end.
    pub(super) fn until(self, end: DateTime<Utc>) -> Self {
        Self { to: Some(self.to.unwrap_or(end)), ..self }
    }

    pub(super) fn is_filtered(&self) -> bool {
        let texts = [&self.place, &self.who, &self.told];
        self.from.is_some() || self.to.is_some() || texts.into_iter().any(Option::is_some)
    }

    /// Describes the search for the audit log.
    pub(super) fn said(&self) -> String {
        let times = [("from", self.from), ("before", self.to)];
        let times =
            times.into_iter().filter_map(|(word, at)| Some(format!(", {word} {}", words::moment(at?))));
        let texts = [("at", &self.place), ("by", &self.who), ("for or about", &self.told)];
        let texts = texts.into_iter().filter_map(|(word, text)| Some(format!(", {word} {}", text.as_ref()?)));
        times.chain(texts).collect()
    }

    pub(super) fn audit(&self) -> AuditQuery {
        let (place, version) = self.place.as_deref().map(of_version).unzip();
        AuditQuery { from: self.from, to: self.to, place, version: version.flatten(), who: self.who.clone() }
    }

    pub(super) fn journal(&self, cursor: Option<String>) -> JournalQuery {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::audit::export::time;

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
            "+262142-12-31T23:59",
            "9999-01-01T00:00",
            "0001-01-01T00:00",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
