//! The use of a version by day and by API key.

use crate::base::words;
use crate::services::api_key::ApiKeyId;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use std::collections::HashMap;

/// Number of days for which a page shows the use, today among them.
pub const DAYS: u64 = 90;
/// Maximum number of API keys that a sentence names.
const NAMED: usize = 3;

/// What one API key did with a version on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCount {
    pub day: NaiveDate,
    pub user: User,
    pub issued: u64,
    pub seen: u64,
    pub last_at: DateTime<Utc>,
}

/// Who used a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {
    ApiKey {
        name: String,
        id: ApiKeyId,
    },
    /// Earlier releases did not record the API key.
    NotRecorded,
}

impl User {
    /// Returns the name that people read.
    pub fn name(&self) -> &str {
        match self {
            Self::ApiKey { name, .. } => name,
            Self::NotRecorded => "API key not recorded",
        }
    }

    /// Returns the name as it stands in a sentence.
    fn said(&self) -> String {
        match self {
            Self::ApiKey { name, .. } => words::quoted(name),
            Self::NotRecorded => "not recorded".to_owned(),
        }
    }
}

/// The use of a version by one API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCount {
    pub user: User,
    /// Number of ciphertexts and wrapped data keys that the version made.
    pub issued: u64,
    /// Number of those that it opened.
    pub seen: u64,
    pub last_at: DateTime<Utc>,
}

impl UserCount {
    pub fn uses(&self) -> u64 {
        self.issued.saturating_add(self.seen)
    }
}

/// The use of a version on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUse {
    pub day: NaiveDate,
    pub issued: u64,
    pub seen: u64,
    /// Uses by the API key that used the version most in the whole time, and those by all others.
    pub first: u64,
    pub others: u64,
}

impl DayUse {
    pub fn uses(&self) -> u64 {
        self.first.saturating_add(self.others)
    }
}

/// The use of a version in the last [`DAYS`] days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateUse {
    /// One for each day, the earliest first.
    pub days: Vec<DayUse>,
    /// Who used it most comes first.
    pub users: Vec<UserCount>,
}

/// Returns the first moment of the days for which a page shows the use now.
pub fn since(now: DateTime<Utc>) -> DateTime<Utc> {
    first_day(now.date_naive()).and_time(NaiveTime::MIN).and_utc()
}

/// Returns the first day of the time that ends with `today`.
fn first_day(today: NaiveDate) -> NaiveDate {
    today.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(today)
}

impl LateUse {
    /// Adds up the counts. Those of other days are left out.
    pub fn of(today: NaiveDate, counts: Vec<DayCount>) -> Self {
        let first = first_day(today);
        let counts: Vec<_> = counts.into_iter().filter(|one| (first..=today).contains(&one.day)).collect();
        let mut users: HashMap<User, UserCount> = HashMap::new();
        for DayCount { user, issued, seen, last_at, .. } in &counts {
            let sum = users.entry(user.clone()).or_insert_with(|| UserCount {
                user: user.clone(),
                issued: 0,
                seen: 0,
                last_at: *last_at,
            });
            sum.issued = sum.issued.saturating_add(*issued);
            sum.seen = sum.seen.saturating_add(*seen);
            sum.last_at = sum.last_at.max(*last_at);
        }
        let mut users: Vec<UserCount> = users.into_values().collect();
        users.sort_by(|one, other| other.uses().cmp(&one.uses()).then_with(|| one.user.cmp(&other.user)));
        let most = users.first().map(|most| most.user.clone());
        let mut days: Vec<DayUse> = first
            .iter_days()
            .take_while(|day| *day <= today)
            .map(|day| DayUse { day, issued: 0, seen: 0, first: 0, others: 0 })
            .collect();
        for DayCount { day, user, issued, seen, .. } in counts {
            let place = usize::try_from((day - first).num_days()).ok().and_then(|nth| days.get_mut(nth));
            let Some(of_day) = place else { continue };
            of_day.issued = of_day.issued.saturating_add(issued);
            of_day.seen = of_day.seen.saturating_add(seen);
            let share = if Some(&user) == most.as_ref() { &mut of_day.first } else { &mut of_day.others };
            *share = share.saturating_add(issued).saturating_add(seen);
        }
        Self { days, users }
    }

    pub fn uses(&self) -> u64 {
        self.users.iter().map(UserCount::uses).fold(0, u64::saturating_add)
    }

    /// Returns the share of a user in percent, as text: "80 %", "under 1 %".
    pub fn share(&self, user: &UserCount) -> String {
        let (part, whole) = (u128::from(user.uses()), u128::from(self.uses()).max(1));
        let percent = (part * 100 + whole / 2) / whole;
        // A rounded number must not claim that a user has all or nothing.
        match percent {
            0 => "under 1 %".to_owned(),
            100 if part < whole => "over 99 %".to_owned(),
            percent => format!("{percent} %"),
        }
    }

    /// Says who used the version: "“orders” 80 %, “billing” 15 % and 2 more".
    pub fn who(&self) -> String {
        match &self.users[..] {
            [] => "Nobody".to_owned(),
            [only] => only.user.said(),
            many => {
                let named = many.iter().take(NAMED);
                let named: Vec<_> =
                    named.map(|one| format!("{} {}", one.user.said(), self.share(one))).collect();
                let rest = match many.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("{}{rest}", named.join(", "))
            }
        }
    }

    /// Says what the plot shows: "12 431 uses in the last 90 days: “orders” 80 %, “billing” 20 %.".
    pub fn finding(&self) -> String {
        match self.uses() {
            0 => format!("No service used this version in the last {DAYS} days."),
            1 => format!("1 use in the last {DAYS} days, by {}.", self.who()),
            many if self.users.len() == 1 => {
                format!("{} uses in the last {DAYS} days, all by {}.", words::thousands(many), self.who())
            }
            many => format!("{} uses in the last {DAYS} days: {}.", words::thousands(many), self.who()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn used(on: &str, name: &str, issued: u64, seen: u64) -> DayCount {
        let user = match name {
            "" => User::NotRecorded,
            name => User::ApiKey { name: name.to_owned(), id: ApiKeyId([name.as_bytes()[0]; 6]) },
        };
        DayCount {
            day: day(on),
            user,
            issued,
            seen,
            last_at: day(on).and_hms_opt(12, 0, 0).expect("noon").and_utc(),
        }
    }

    #[test]
    fn uses_are_added_up_by_day_and_by_api_key() {
        let counts = vec![
            used("2026-11-01", "orders", 5, 3),
            used("2026-11-01", "billing", 0, 1),
            used("2026-11-30", "orders", 0, 1),
            used("2026-11-30", "", 2, 0),
            // Before the time, and after it.
            used("2026-09-01", "orders", 1, 1),
            used("2026-12-01", "orders", 1, 1),
        ];
        let use_of = LateUse::of(day("2026-11-30"), counts);
        assert_eq!((use_of.days.len(), use_of.days[0].day), (90, day("2026-09-02")));
        let of = |on| *use_of.days.iter().find(|one| one.day == day(on)).expect("a day");
        let first = of("2026-11-01");
        assert_eq!((first.issued, first.seen, first.first, first.others, first.uses()), (5, 4, 8, 1, 9));
        assert_eq!((of("2026-11-30").first, of("2026-11-30").others, of("2026-11-29").uses()), (1, 2, 0));
        let shares: Vec<_> =
            use_of.users.iter().map(|one| (one.user.name(), one.uses(), use_of.share(one))).collect();
        let expected = [("orders", 9, "75 %"), ("API key not recorded", 2, "17 %"), ("billing", 1, "8 %")];
        assert_eq!(shares, expected.map(|(name, uses, share)| (name, uses, share.to_owned())));
        assert_eq!(
            use_of.finding(),
            "12 uses in the last 90 days: “\u{2068}orders\u{2069}” 75 %, not recorded 17 %, “\u{2068}billing\u{2069}” 8 %."
        );
    }

    #[test]
    fn the_sentence_fits_few_and_many_users() {
        let of = |counts| LateUse::of(day("2026-11-30"), counts).finding();
        assert_eq!(of(vec![]), "No service used this version in the last 90 days.");
        assert_eq!(
            of(vec![used("2026-11-30", "orders", 1, 0)]),
            "1 use in the last 90 days, by “\u{2068}orders\u{2069}”."
        );
        let many = of(vec![used("2026-11-30", "orders", 1_200, 34)]);
        assert_eq!(many, "1\u{202f}234 uses in the last 90 days, all by “\u{2068}orders\u{2069}”.");
        let names = ["a", "b", "c", "d", "e"];
        let five = names.map(|name| used("2026-11-30", name, 1, 0)).to_vec();
        assert_eq!(
            of(five),
            "5 uses in the last 90 days: “\u{2068}a\u{2069}” 20 %, “\u{2068}b\u{2069}” 20 %, “\u{2068}c\u{2069}” 20 % and 2 more."
        );
        let rare = of(vec![used("2026-11-30", "a", 999, 0), used("2026-11-30", "b", 1, 0)]);
        assert_eq!(
            rare,
            "1\u{202f}000 uses in the last 90 days: “\u{2068}a\u{2069}” over 99 %, “\u{2068}b\u{2069}” under 1 %."
        );
    }
}
