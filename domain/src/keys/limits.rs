//! Limits on the number of a scope's new versions: per day and type, per day, and in total.

use crate::base::number::plain;
use crate::base::typed;
use crate::keys::key_type::KeyType;
use crate::keys::rotation::next_day;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Maximum number of customer-supplied versions that a scope can ever have.
pub const CUSTOMER_SUPPLIED_MAX: u32 = 100;
/// Number of customer-supplied versions at which the portal begins to warn that they run out.
pub const CUSTOMER_SUPPLIED_WARN: u32 = 80;
/// Number of days that the forecast looks back.
pub const FORECAST_DAYS: i64 = 90;

/// Maximum of a daily limit that an environment has of its own.
pub const OWN_LIMIT_MAX: u32 = 100;

/// The two daily limits that hold in a scope: its environment's own numbers, else the server's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyLimits {
    /// Maximum number of new versions of one key type per scope and UTC day.
    pub per_type: u32,
    /// Maximum number of new versions of any type per scope and UTC day.
    pub per_scope: u32,
}

impl Default for DailyLimits {
    fn default() -> Self {
        Self { per_type: 1, per_scope: 3 }
    }
}

/// The daily limits that an environment has of its own. `None`: the server's setting holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLimits {
    pub per_type: Option<u32>,
    pub per_scope: Option<u32>,
}

/// The reason why an environment cannot have these limits. The person reads the text beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitsRefused {
    #[error("Enter a number from 1 to {OWN_LIMIT_MAX}, or nothing to use the server's setting.")]
    NotALimit,
    /// Each version of one type is also a version of any type, so a limit of one type above the total could never be reached.
    #[error(
        "At most {per_scope} versions are possible in total, so {per_type} versions of one type are not. Enter at least {per_type} in \
         total, or at most {per_scope} of one type."
    )]
    TotalBelowType { per_type: u32, per_scope: u32 },
}

impl OwnLimits {
    /// Reads a limit as a person typed it. An empty text means the server's setting.
    ///
    /// # Errors
    /// [`LimitsRefused::NotALimit`] unless it is a number from 1 to [`OWN_LIMIT_MAX`].
    pub fn typed(text: &str) -> Result<Option<u32>, LimitsRefused> {
        if typed::is_blank_text(text) {
            return Ok(None);
        }
        let number = plain(typed::trimmed(text)).ok_or(LimitsRefused::NotALimit)?;
        Self::checked(Some(number))
    }

    fn checked(number: Option<u32>) -> Result<Option<u32>, LimitsRefused> {
        match number {
            Some(number) if !(1..=OWN_LIMIT_MAX).contains(&number) => Err(LimitsRefused::NotALimit),
            number => Ok(number),
        }
    }

    /// Checks whether an environment can have these limits on a server with these settings.
    ///
    /// # Errors
    /// [`LimitsRefused`].
    pub fn check(self, server: DailyLimits) -> Result<(), LimitsRefused> {
        Self::checked(self.per_type)?;
        Self::checked(self.per_scope)?;
        let DailyLimits { per_type, per_scope } = server.with(self);
        // Where the environment has no number of its own, the operator of the server is responsible.
        if self.is_any() && per_scope < per_type {
            return Err(LimitsRefused::TotalBelowType { per_type, per_scope });
        }
        Ok(())
    }

    /// Checks whether the environment has at least one number of its own.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// Whether a new version may pass a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    Nothing,
    /// The daily limit of its type, and no other. Only a person asks for it, with a reason.
    LimitOfType,
}

/// The daily limit of one type that a version passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub limit: u32,
    /// Versions of the type that were made that day before this one.
    pub used: u32,
}

/// Number of versions that a scope has used of each limit, counted while the scope is locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Versions of the requested type created today.
    pub of_type_today: u32,
    /// Versions of any type created today.
    pub today: u32,
    /// Customer-supplied versions ever created.
    pub customer_supplied: u32,
    /// The highest number that a lost version may have had; 0 unless an older database was restored.
    pub numbers_through: u32,
}

/// Number of versions that remain of each limit after a version is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub of_type_today: u32,
    pub today: u32,
    pub customer_supplied: u32,
}

/// The limit that forbids another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitReached {
    DailyOfType { key_type: KeyType, limit: u32, used: u32, resets_at: DateTime<Utc> },
    Daily { limit: u32, used: u32, resets_at: DateTime<Utc> },
    CustomerSupplied { limit: u32, used: u32 },
}

impl LimitReached {
    /// Returns the time at which a refused version becomes possible; `None` means never.
    pub fn resets_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::DailyOfType { resets_at, .. } | Self::Daily { resets_at, .. } => Some(*resets_at),
            Self::CustomerSupplied { .. } => None,
        }
    }
}

impl DailyLimits {
    /// Returns the limits of an environment: its own numbers, and these where it has none.
    #[must_use]
    pub fn with(self, own: OwnLimits) -> Self {
        Self {
            per_type: own.per_type.unwrap_or(self.per_type),
            per_scope: own.per_scope.unwrap_or(self.per_scope),
        }
    }

    /// Computes what remains of each limit after one more version of this type that passes the daily limit of its type. It does not
    /// pass the limit of all types, nor that of customer-supplied versions.
    ///
    /// # Errors
    /// [`LimitReached`] when one of those forbids the version.
    pub fn after_one_passing(
        self,
        used: Used,
        key_type: KeyType,
        at: DateTime<Utc>,
    ) -> Result<Left, LimitReached> {
        let left = Self { per_type: u32::MAX, ..self }.after_one_more(used, key_type, at)?;
        let of_type_today = self.per_type.saturating_sub(used.of_type_today.saturating_add(1));
        Ok(Left { of_type_today, ..left })
    }

    /// Returns the daily limit of this type if it is reached.
    pub fn reached_of_type(self, used: Used) -> Option<Passed> {
        (used.of_type_today >= self.per_type)
            .then_some(Passed { limit: self.per_type, used: used.of_type_today })
    }

    /// Computes what remains of each limit after one more version of this type.
    ///
    /// # Errors
    /// [`LimitReached`] when a limit forbids the version. The limit that never resets comes first, because waiting does not help
    /// against it.
    pub fn after_one_more(
        self,
        used: Used,
        key_type: KeyType,
        at: DateTime<Utc>,
    ) -> Result<Left, LimitReached> {
        let resets_at = next_day(at);
        if key_type.is_customer_supplied() && used.customer_supplied >= CUSTOMER_SUPPLIED_MAX {
            return Err(LimitReached::CustomerSupplied {
                limit: CUSTOMER_SUPPLIED_MAX,
                used: used.customer_supplied,
            });
        }
        if used.of_type_today >= self.per_type {
            return Err(LimitReached::DailyOfType {
                key_type,
                limit: self.per_type,
                used: used.of_type_today,
                resets_at,
            });
        }
        if used.today >= self.per_scope {
            return Err(LimitReached::Daily { limit: self.per_scope, used: used.today, resets_at });
        }
        let customer_supplied = used.customer_supplied + u32::from(key_type.is_customer_supplied());
        Ok(Left {
            of_type_today: self.per_type - used.of_type_today - 1,
            today: self.per_scope - used.today - 1,
            customer_supplied: CUSTOMER_SUPPLIED_MAX.saturating_sub(customer_supplied),
        })
    }
}

/// Forecasts when the customer-supplied versions run out at the pace of the last 90 days; `None` when none was created in
/// that time.
pub fn runs_out_at(used: u32, made_in_90_days: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if made_in_90_days == 0 {
        return None;
    }
    let left = i64::from(CUSTOMER_SUPPLIED_MAX.saturating_sub(used));
    Some(now + Duration::days(left * FORECAST_DAYS / i64::from(made_in_90_days)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::vendor::Vendor;

    fn noon() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn the_defaults_allow_one_of_a_type_and_three_in_all() {
        let limits = DailyLimits::default();
        let used = |of_type_today, today, customer_supplied| Used {
            of_type_today,
            today,
            customer_supplied,
            numbers_through: 0,
        };
        assert_eq!(
            limits.after_one_more(used(0, 0, 0), KeyType::Managed, noon()),
            Ok(Left { of_type_today: 0, today: 2, customer_supplied: 100 })
        );
        assert!(matches!(
            limits.after_one_more(used(1, 1, 0), KeyType::Managed, noon()),
            Err(LimitReached::DailyOfType { limit: 1, used: 1, .. })
        ));
        assert!(matches!(
            limits.after_one_more(used(0, 3, 0), KeyType::Managed, noon()),
            Err(LimitReached::Daily { limit: 3, used: 3, .. })
        ));
    }

    #[test]
    fn the_hundred_customer_supplied_versions_are_for_ever() {
        let limits = DailyLimits::default();
        let used =
            |customer_supplied| Used { of_type_today: 0, today: 0, customer_supplied, numbers_through: 0 };
        let last = limits
            .after_one_more(used(99), KeyType::CustomerHeld(Vendor::Aws), noon())
            .expect("the hundredth");
        assert_eq!(last.customer_supplied, 0);
        let refused = limits
            .after_one_more(used(100), KeyType::CustomerHeld(Vendor::Aws), noon())
            .expect_err("no more");
        assert_eq!(
            (refused.clone(), refused.resets_at()),
            (LimitReached::CustomerSupplied { limit: 100, used: 100 }, None)
        );
        assert!(limits.after_one_more(used(100), KeyType::Managed, noon()).is_ok());
    }

    #[test]
    fn only_the_limit_of_its_type_is_passed() {
        let limits = DailyLimits::default();
        let aws = KeyType::CustomerHeld(Vendor::Aws);
        let used = |of_type_today, today, customer_supplied| Used {
            of_type_today,
            today,
            customer_supplied,
            numbers_through: 0,
        };
        let pass = |used, key_type| limits.after_one_passing(used, key_type, noon());
        // More than the limit: nothing is left, and nothing goes below zero.
        for (of_type, left) in [(1, 1), (2, 0)] {
            let left = Ok(Left { of_type_today: 0, today: left, customer_supplied: 100 });
            assert_eq!(pass(used(of_type, of_type, 0), KeyType::Managed), left);
        }
        assert!(matches!(
            pass(used(3, 3, 0), KeyType::Managed),
            Err(LimitReached::Daily { limit: 3, used: 3, .. })
        ));
        assert!(matches!(
            pass(used(1, 1, 100), aws),
            Err(LimitReached::CustomerSupplied { limit: 100, used: 100 })
        ));
        assert!(matches!(
            limits.after_one_more(used(2, 2, 0), KeyType::Managed, noon()),
            Err(LimitReached::DailyOfType { limit: 1, used: 2, .. })
        ));
        assert_eq!(limits.reached_of_type(used(2, 2, 0)), Some(Passed { limit: 1, used: 2 }));
        assert_eq!(limits.reached_of_type(used(0, 2, 0)), None);
        // Limits that were lowered below what is used already.
        let lower = limits.with(OwnLimits { per_type: None, per_scope: Some(1) });
        assert!(matches!(
            lower.after_one_passing(used(1, 2, 0), KeyType::Managed, noon()),
            Err(LimitReached::Daily { limit: 1, used: 2, .. })
        ));
    }

    #[test]
    fn an_environment_has_its_own_numbers_or_the_servers() {
        let (server, own) = (DailyLimits::default(), |per_type, per_scope| OwnLimits { per_type, per_scope });
        assert_eq!(server.with(own(None, None)), server);
        assert_eq!(server.with(own(Some(2), None)), DailyLimits { per_type: 2, per_scope: 3 });
        assert_eq!(server.with(own(Some(9), Some(100))), DailyLimits { per_type: 9, per_scope: 100 });
        for (text, read) in [("", None), (" \u{a0}", None), ("1", Some(1)), (" 100\t", Some(100))] {
            assert_eq!(OwnLimits::typed(text), Ok(read), "{text:?}");
        }
        for text in ["0", "101", "-1", "+5", "05", "1.0", "1e1", "٣", "two", "1 0", "99999999999", "\0"] {
            assert_eq!(OwnLimits::typed(text), Err(LimitsRefused::NotALimit), "{text:?}");
        }
        for fine in [own(None, None), own(Some(3), None), own(None, Some(1)), own(Some(100), Some(100))] {
            assert_eq!(fine.check(server), Ok(()), "{fine:?}");
        }
        let below = |per_type, per_scope| Err(LimitsRefused::TotalBelowType { per_type, per_scope });
        assert_eq!(own(Some(4), None).check(server), below(4, 3));
        assert_eq!(own(Some(4), Some(2)).check(server), below(4, 2));
        assert_eq!(own(None, Some(50)).check(DailyLimits { per_type: 500, per_scope: 900 }), below(500, 50));
        assert_eq!(own(Some(101), None).check(server), Err(LimitsRefused::NotALimit));
        assert_eq!(own(None, Some(0)).check(server), Err(LimitsRefused::NotALimit));
        // An operator's settings are not the fault of who clears the numbers.
        assert_eq!(own(None, None).check(DailyLimits { per_type: 5, per_scope: 3 }), Ok(()));
    }

    #[test]
    fn a_refusal_says_when_it_resets() {
        let refused = DailyLimits::default()
            .after_one_more(
                Used { of_type_today: 1, today: 1, customer_supplied: 0, numbers_through: 0 },
                KeyType::Managed,
                noon(),
            )
            .expect_err("the limit is reached");
        assert_eq!(
            refused.resets_at().map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-11-23T00:00:00+00:00")
        );
    }

    #[test]
    fn the_forecast_follows_the_pace_of_the_last_90_days() {
        assert_eq!(runs_out_at(37, 0, noon()), None);
        let at = runs_out_at(40, 60, noon()).expect("a date");
        assert_eq!((at - noon()).num_days(), 90);
    }
}
