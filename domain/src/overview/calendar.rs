//! The calendar of coming rotations, ends and reminders.

use crate::base::pages::Page;
use crate::scopes::scope::ScopeName;
use crate::services::api_key::ApiKeyId;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use std::fmt;

/// Number of entries on a page of a day.
pub const DAY_PAGE: usize = 100;
/// Maximum number of entries for which a month names them; a month with more shows numbers.
pub const MONTH_NAMED: u32 = 200;
/// The years that the calendar has: enough for every rotation period and every API key.
const YEARS: std::ops::RangeInclusive<i32> = 2020..=2199;

/// A month of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month(NaiveDate);

impl Month {
    pub fn of(at: DateTime<Utc>) -> Self {
        Self::with(at.date_naive())
    }

    fn with(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// Reads "2026-12".
    pub fn read(text: &str) -> Option<Self> {
        read_day(&format!("{text}-01")).map(Self)
    }

    pub fn next(self) -> Option<Self> {
        self.0.checked_add_months(Months::new(1)).filter(|day| YEARS.contains(&day.year())).map(Self)
    }

    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub_months(Months::new(1)).filter(|day| YEARS.contains(&day.year())).map(Self)
    }

    /// Returns the days of the month in whole weeks, from Monday on: `None` for a day of another month.
    pub fn weeks(self) -> Vec<Vec<Option<NaiveDate>>> {
        let before = self.0.weekday().num_days_from_monday() as usize;
        let days = self.0.iter_days().take_while(|day| day.month() == self.0.month());
        let mut all: Vec<_> = std::iter::repeat_n(None, before).chain(days.map(Some)).collect();
        all.resize(all.len().next_multiple_of(7), None);
        all.chunks(7).map(<[_]>::to_vec).collect()
    }

    pub fn days(self) -> Vec<NaiveDate> {
        self.weeks().into_iter().flatten().flatten().collect()
    }

    /// Formats it as "December 2026".
    pub fn label(self) -> String {
        self.0.format("%B %Y").to_string()
    }
}

impl fmt::Display for Month {
    /// Formats it as "2026-12".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m").fmt(f)
    }
}

/// Reads "2026-12-24".
pub fn read_day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    // A day has one spelling.
    (YEARS.contains(&day.year()) && day.to_string() == text).then_some(day)
}

/// Returns the month of a day.
pub fn month_of(day: NaiveDate) -> Month {
    Month::with(day)
}

/// Returns the first moment of a day, and of the day after it (UTC).
pub fn bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let begins = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    (begins(day), begins(day.checked_add_days(Days::new(1)).unwrap_or(day)))
}

/// What comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coming {
    /// Keystead rotates the managed key of a country.
    Rotation { scope: ScopeName, environment_name: String },
    /// An API key ends.
    ApiKeyEnds { id: ApiKeyId, name: String },
    /// A backup is due, or overdue.
    Backup { overdue_since: Option<DateTime<Utc>> },
}

/// Something that comes, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub coming: Coming,
}

/// A day of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayView {
    pub day: NaiveDate,
    /// Number of rotations.
    pub rotations: u32,
    /// What comes, in the order of time. Of a month with many rotations, the rotations are missing.
    pub entries: Vec<Entry>,
}

impl DayView {
    pub fn is_empty(&self) -> bool {
        self.rotations == 0 && self.entries.is_empty()
    }

    /// Returns the number of rotations that are not among the entries.
    pub fn unnamed(&self) -> u32 {
        let named =
            self.entries.iter().filter(|entry| matches!(entry.coming, Coming::Rotation { .. })).count();
        self.rotations.saturating_sub(u32::try_from(named).unwrap_or(u32::MAX))
    }
}

/// A month of the calendar, or one day of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarView {
    Month { month: Month, days: Vec<DayView> },
    Day { day: DayView, page: Page },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_whole_weeks_from_monday_on() {
        let month = Month::read("2026-12").expect("a month");
        let weeks = month.weeks();
        // 1 December 2026 is a Tuesday.
        assert_eq!((weeks.len(), weeks[0][0], weeks[0][1]), (5, None, NaiveDate::from_ymd_opt(2026, 12, 1)));
        assert_eq!(month.days().len(), 31);
        assert_eq!((month.label().as_str(), month.to_string().as_str()), ("December 2026", "2026-12"));
        assert_eq!(month.next().map(|next| next.to_string()).as_deref(), Some("2027-01"));
        assert_eq!(Month::read("2027-02").map(|month| month.weeks().len()), Some(4), "it begins on a Monday");
    }

    #[test]
    fn months_and_days_have_one_spelling_and_bounds() {
        for bad in ["", "2026", "2026-13", "2026-1", "+2026-12", "1999-12", "9999-12", "2026-12-01"] {
            assert_eq!(Month::read(bad), None, "{bad}");
        }
        assert_eq!(read_day("2026-02-29"), None);
        assert_eq!(read_day("2026-2-01"), None);
        assert_eq!(Month::read("2020-01").and_then(Month::previous), None);
        assert_eq!(Month::read("2199-12").and_then(Month::next), None);
        let (from, to) = bounds(read_day("2026-12-31").expect("a day"));
        assert_eq!(
            (from.to_rfc3339(), to.to_rfc3339()),
            ("2026-12-31T00:00:00+00:00".into(), "2027-01-01T00:00:00+00:00".into())
        );
    }
}
