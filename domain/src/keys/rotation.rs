//! Rotation periods of managed keys and the dates that follow from them.

use crate::base::number::listed_days;
use chrono::{DateTime, Days, Duration, NaiveTime, Utc};

listed_days! {
    /// Time after which Keystead replaces an Active managed version by itself.
    RotationPeriod { #[default] Days30 = 30, Days60 = 60, Days180 = 180, Days360 = 360 }
}

impl RotationPeriod {
    /// Returns the number in the column "Rotation period (months)"; a month counts as 30 days.
    pub fn months(self) -> i64 {
        self.days() / 30
    }

    /// Returns the due date of a version with this period.
    pub fn due_after(self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        created_at + Duration::days(self.days())
    }
}

/// Returns the midnight (UTC) at which the day of `at` began.
pub fn day_start(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// Returns the midnight (UTC) after `at`, at which the daily counts restart.
pub fn next_day(at: DateTime<Utc>) -> DateTime<Utc> {
    day_start(at) + Days::new(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_periods_are_those_of_the_source() {
        let table: Vec<_> = RotationPeriod::ALL.map(|p| (p.days(), p.months())).into();
        assert_eq!(table, [(30, 1), (60, 2), (180, 6), (360, 12)]);
    }

    #[test]
    fn the_day_is_the_utc_calendar_day() {
        let at: DateTime<Utc> = "2026-12-31T23:59:59.999999Z".parse().expect("a time");
        assert_eq!(day_start(at).to_rfc3339(), "2026-12-31T00:00:00+00:00");
        assert_eq!(next_day(at).to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(next_day(next_day(at)).to_rfc3339(), "2027-01-02T00:00:00+00:00");
    }
}
