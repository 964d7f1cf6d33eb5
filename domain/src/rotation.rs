//! Rotation periods of managed keys and the dates that follow from them.

use chrono::{DateTime, Days, Duration, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// How long a managed version stays Active before Keystead makes the next one by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum RotationPeriod {
    #[default]
    Days30,
    Days60,
    Days180,
    Days360,
}

/// The number is none of 30, 60, 180, 360.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Choose 30, 60, 180 or 360 days.")]
pub struct NotAPeriod;

impl RotationPeriod {
    pub const ALL: [Self; 4] = [Self::Days30, Self::Days60, Self::Days180, Self::Days360];

    pub fn days(self) -> i64 {
        match self {
            Self::Days30 => 30,
            Self::Days60 => 60,
            Self::Days180 => 180,
            Self::Days360 => 360,
        }
    }

    /// The number in the column "Rotation period (months)": a month counts 30 days.
    pub fn months(self) -> i64 {
        self.days() / 30
    }

    /// When a version of this period, created then, is due.
    pub fn due_after(self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        created_at + Duration::days(self.days())
    }
}

impl TryFrom<i64> for RotationPeriod {
    type Error = NotAPeriod;
    fn try_from(days: i64) -> Result<Self, NotAPeriod> {
        Self::ALL.into_iter().find(|period| period.days() == days).ok_or(NotAPeriod)
    }
}

impl From<RotationPeriod> for i64 {
    fn from(period: RotationPeriod) -> i64 {
        period.days()
    }
}

impl std::str::FromStr for RotationPeriod {
    type Err = NotAPeriod;
    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        // One spelling each: "+30" and "030" are nothing a page of ours sends.
        Self::ALL.into_iter().find(|period| period.days().to_string() == text).ok_or(NotAPeriod)
    }
}

/// Midnight (UTC) at which the day of `at` began.
pub fn day_start(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// Midnight (UTC) at which the daily counts begin anew.
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
        for bad in ["0", "31", "720", "-30", "+30", "030", "x", ""] {
            assert_eq!(bad.parse::<RotationPeriod>(), Err(NotAPeriod), "{bad}");
        }
    }

    #[test]
    fn the_day_is_the_utc_calendar_day() {
        let at: DateTime<Utc> = "2026-12-31T23:59:59.999999Z".parse().expect("a time");
        assert_eq!(day_start(at).to_rfc3339(), "2026-12-31T00:00:00+00:00");
        assert_eq!(next_day(at).to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(next_day(next_day(at)).to_rfc3339(), "2027-01-02T00:00:00+00:00");
    }
}
