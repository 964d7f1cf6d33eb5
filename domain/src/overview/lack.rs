//! The rule that finds what a country lacks, and the words for it on every page.

use crate::custody::health::HealthState;
use crate::scopes::scope::EnvironmentKind;
use chrono::{DateTime, Utc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no key, so services cannot encrypt.
    NoKey,
    /// The customer's KMS refuses to release the Active version's key.
    Refused,
    /// What Keystead stored of the Active version does not open.
    Damaged,
    /// The customer's KMS cannot be reached.
    Unreachable,
    /// The rotation of the managed key is overdue.
    Rotate,
    /// There is no key, in an environment of kind Test, where that is no fault.
    NoKeyInTest,
}

impl Lack {
    /// The worst first.
    pub const ALL: [Self; 6] =
        [Self::NoKey, Self::Damaged, Self::Refused, Self::Unreachable, Self::Rotate, Self::NoKeyInTest];

    /// Returns what a country lacks. This follows from the kind of its environment, and from its Active version: whether there is
    /// one, when it is due, and the last answer of the customer's KMS.
    pub fn of(
        kind: EnvironmentKind,
        has_key: bool,
        due_at: Option<DateTime<Utc>>,
        health: Option<HealthState>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        if !has_key {
            return Some(match kind {
                EnvironmentKind::Production => Self::NoKey,
                EnvironmentKind::Test => Self::NoKeyInTest,
            });
        }
        match health {
            Some(HealthState::Refused) => Some(Self::Refused),
            Some(HealthState::Damaged) => Some(Self::Damaged),
            Some(HealthState::Unreachable) => Some(Self::Unreachable),
            Some(HealthState::Healthy) | None => due_at.filter(|due| *due <= now).map(|_| Self::Rotate),
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::NoKey | Self::NoKeyInTest => "no key",
            Self::Refused => "refused",
            Self::Damaged => "damaged",
            Self::Unreachable => "unreachable",
            Self::Rotate => "rotate",
        }
    }

    /// Checks whether there is no key.
    pub fn is_of_key(self) -> bool {
        matches!(self, Self::NoKey | Self::NoKeyInTest)
    }

    /// Checks whether something does not work because of it. The others only need attention.
    pub fn is_bad(self) -> bool {
        // In an outage servers use the material in memory until its hold time, and a version that is overdue still encrypts.
        matches!(self, Self::NoKey | Self::Refused | Self::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_what_a_country_lacks_is_said() {
        let now = DateTime::UNIX_EPOCH;
        let lack = |has_key, due: Option<i64>, health| {
            Lack::of(
                EnvironmentKind::Production,
                has_key,
                due.and_then(|at| DateTime::from_timestamp(at, 0)),
                health,
                now,
            )
        };
        assert_eq!(lack(false, None, None), Some(Lack::NoKey));
        assert_eq!(Lack::of(EnvironmentKind::Test, false, None, None, now), Some(Lack::NoKeyInTest));
        assert!(!Lack::NoKeyInTest.is_bad() && Lack::NoKeyInTest.is_of_key());
        assert_eq!(lack(true, Some(1), None), None);
        assert_eq!(lack(true, Some(0), None), Some(Lack::Rotate));
        assert_eq!(lack(true, None, Some(HealthState::Healthy)), None);
        assert_eq!(lack(true, None, Some(HealthState::Refused)), Some(Lack::Refused));
        assert_eq!(lack(true, None, Some(HealthState::Damaged)), Some(Lack::Damaged));
        assert_eq!(lack(true, Some(0), Some(HealthState::Unreachable)), Some(Lack::Unreachable));
        assert!(Lack::ALL.iter().is_sorted_by_key(|lack| !lack.is_bad()));
    }
}
