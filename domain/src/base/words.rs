//! Dates, spans and refusals in the portal's words.

use crate::keys::limits::LimitReached;
use crate::scopes::scope::is_unprintable;
use chrono::{DateTime, Duration, NaiveDate, Utc};

/// Formats a date: "22 Nov 2026".
pub fn date(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}

/// Formats a moment: "22 Nov 2026, 14:05 UTC".
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// Formats a span in its two largest units: "5 h 12 min", "3 days"; in seconds only below a minute: "12 s". From two days on,
/// rounds to the nearest day, so that a period of 30 days does not read "29 days" a moment later.
pub fn span(length: Duration) -> String {
    let seconds = length.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, h, _) => format!("1 day {h} h"),
        (d, h, _) => format!("{} days", if h < 12 { d } else { d + 1 }),
    }
}

/// Formats a span in its largest unit: "18 d", "5 h", "12 min". From two days on, rounds as [`span`] does.
pub fn short_span(length: Duration) -> String {
    let seconds = length.num_seconds().max(0);
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (1, ..) => "1 d".to_owned(),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

/// Formats a day with its name: "Thursday, 24 December 2026".
pub fn day(day: NaiveDate) -> String {
    day.format("%A, %-d %B %Y").to_string()
}

/// Formats the time until a moment: "in 5 h 12 min", or "now" when the moment has come.
pub fn until(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if then <= now { "now".to_owned() } else { format!("in {}", span(then - now)) }
}

/// Escapes every unprintable character ([`is_unprintable`]) of a text that others wrote: "a\\u{202e}b".
pub fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for c in text.chars() {
        match is_unprintable(c) {
            true => seen.extend(c.escape_unicode()),
            false => seen.push(c),
        }
    }
    seen
}

/// Formats a count with its noun: "1 version", "2 versions".
pub fn count(number: u32, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Quotes a name that a person chose, so that it is told from the sentence around it, also when it is written from right to left.
pub fn quoted(name: &str) -> String {
    format!("“\u{2068}{name}\u{2069}”")
}

/// Formats a number with narrow non-breaking spaces: "1 234 567".
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join("\u{202f}")
}

/// Describes a refusal: the limit, the count and when it resets.
pub fn limit_reached(refused: &LimitReached, now: DateTime<Utc>) -> String {
    let prefix = if refused.resets_at().is_some() { "Daily limit reached: " } else { "" };
    format!("{prefix}{}", limit_detail(refused, now))
}

/// Describes the same, below a heading that says which limit is reached.
pub fn limit_detail(refused: &LimitReached, now: DateTime<Utc>) -> String {
    // After a lower limit, or "Rotate now", more were made than the limit allows.
    let made = |used: u32, limit: u32, one: &str, many: &str| match used > limit {
        true => format!("{used} {many} made today, the limit is {limit}"),
        false => format!("{used} of {} today", count(limit, one, many)),
    };
    let again = |at: DateTime<Utc>| format!("Possible again {} ({}).", until(at, now), moment(at));
    match refused {
        LimitReached::DailyOfType { key_type, limit, used, resets_at } => {
            let [one, many] = ["version", "versions"].map(|noun| format!("new {} {noun}", key_type.label()));
            format!("{}. {}", made(*used, *limit, &one, &many), again(*resets_at))
        }
        LimitReached::Daily { limit, used, resets_at } => {
            // Of any type together, not of each.
            let [one, many] = ["new version in total", "new versions in total"];
            format!("{}. {}", made(*used, *limit, one, many), again(*resets_at))
        }
        LimitReached::CustomerSupplied { limit, used } => format!(
            "{used} of {limit} customer-supplied versions used. This scope can take no more of them; a Managed key is still possible."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key_type::KeyType;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn moments_read_as_the_design_says() {
        assert_eq!(moment(at("2026-11-02T14:05:59Z")), "2 Nov 2026, 14:05 UTC");
        assert_eq!(date(at("2026-11-22T00:00:00Z")), "22 Nov 2026");
    }

    #[test]
    fn what_is_not_seen_is_written_out() {
        assert_eq!(visible("order 17, Größe 🔑"), "order 17, Größe 🔑");
        assert_eq!(
            visible("\u{1b}[2J\u{202e}gnp\u{200b}\u{9b}\n"),
            r"\u{1b}[2J\u{202e}gnp\u{200b}\u{9b}\u{a}"
        );
    }

    #[test]
    fn spans_name_the_two_largest_units() {
        for (seconds, words) in [
            (-5, "0 s"),
            (12, "12 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (18_720, "5 h 12 min"),
            (86_400, "1 day"),
            (97_200, "1 day 3 h"),
            (172_799, "1 day 23 h"),
            (864_000, "10 days"),
            (864_000 + 43_199, "10 days"),
            (864_000 - 1, "10 days"),
        ] {
            assert_eq!(span(Duration::seconds(seconds)), words);
        }
    }

    #[test]
    fn short_spans_name_the_largest_unit() {
        for (seconds, words) in [
            (-5, "0 min"),
            (59, "0 min"),
            (3_599, "59 min"),
            (86_399, "23 h"),
            (172_799, "1 d"),
            (1_641_599, "19 d"),
        ] {
            assert_eq!(short_span(Duration::seconds(seconds)), words);
        }
        for hours in 48..200 {
            let length = Duration::hours(hours);
            assert_eq!(span(length).replace("days", "d"), short_span(length), "{hours} h: one rule");
        }
        assert_eq!(day(at("2026-12-24T12:00:00Z").date_naive()), "Thursday, 24 December 2026");
    }

    #[test]
    fn a_refusal_names_limit_count_and_reset() {
        let now = at("2026-11-22T18:48:00Z");
        let refused = LimitReached::DailyOfType {
            key_type: KeyType::Managed,
            limit: 1,
            used: 1,
            resets_at: at("2026-11-23T00:00:00Z"),
        };
        assert_eq!(
            limit_reached(&refused, now),
            "Daily limit reached: 1 of 1 new Managed version today. Possible again in 5 h 12 min (23 Nov 2026, 00:00 UTC)."
        );
        let passed = LimitReached::Daily { limit: 1, used: 3, resets_at: at("2026-11-23T00:00:00Z") };
        assert_eq!(
            limit_detail(&passed, now),
            "3 new versions in total made today, the limit is 1. Possible again in 5 h 12 min (23 Nov 2026, 00:00 UTC)."
        );
    }
}
