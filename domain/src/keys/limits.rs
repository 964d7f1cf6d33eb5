//! Limits on the number of a scope's new versions: per day and type, per day, and in total.

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

/// The two daily limits; both are settings of the server.
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
