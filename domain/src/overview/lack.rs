//! The rule that finds what a country lacks, and the words for it on every page.

use crate::custody::health::HealthState;
use crate::scopes::scope::EnvironmentKind;
use chrono::{DateTime, TimeDelta, Utc};

/// The order is that of the lacks, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// What Keystead stored of the Active version does not open.
    Damaged,
    /// The customer's KMS refuses to release the Active version's key.
    Refused,
    /// The customer's KMS cannot be reached.
    Unreachable,
    /// There is no key, so services cannot encrypt.
    NoKey,
    /// The rotation of the managed key is overdue.
    Rotate,
    /// Few customer-supplied versions remain.
    LimitNear,
    /// Keystead rotates the managed key within a week.
    DueSoon,
    /// There is no key, in an environment of kind Test, where that is no fault.
    NoKeyInTest,
}

impl Lack {
    /// The worst first.
    pub const ALL: [Self; 8] = [
        Self::Damaged,
        Self::Refused,
        Self::Unreachable,
        Self::NoKey,
        Self::Rotate,
        Self::LimitNear,
        Self::DueSoon,
        Self::NoKeyInTest,
    ];

    /// Returns the worst of what a country lacks.
    pub fn of(key: &KeyState, now: DateTime<Utc>) -> Option<Self> {
        if !key.is_there {
            return Some(match key.kind {
                EnvironmentKind::Production => Self::NoKey,
                EnvironmentKind::Test => Self::NoKeyInTest,
            });
        }
        match key.health {
            Some(HealthState::Refused) => return Some(Self::Refused),
            Some(HealthState::Damaged) => return Some(Self::Damaged),
            Some(HealthState::Unreachable) => return Some(Self::Unreachable),
            Some(HealthState::Healthy) | None => {}
        }
        match key.due_at {
            Some(due) if due <= now => Some(Self::Rotate),
            _ if key.is_limit_near => Some(Self::LimitNear),
            Some(due) if due <= soon(now) => Some(Self::DueSoon),
            _ => None,
        }
    }

    /// Returns the word for it in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NoKey => "no-key",
            Self::Rotate => "rotate",
            Self::LimitNear => "limit-near",
            Self::DueSoon => "due-soon",
            Self::NoKeyInTest => "no-key-in-test",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lack| lack.word() == word)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::NoKey | Self::NoKeyInTest => "no key",
            Self::Refused => "refused",
            Self::Damaged => "damaged",
            Self::Unreachable => "unreachable",
            Self::Rotate => "rotate",
            Self::LimitNear => "limit near",
            Self::DueSoon => "due soon",
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

/// What decides what a country lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// The kind of its environment.
    pub kind: EnvironmentKind,
    /// There is an Active version; the others are about it.
    pub is_there: bool,
    pub due_at: Option<DateTime<Utc>>,
    /// The last answer of the customer's KMS.
    pub health: Option<HealthState>,
    /// The country has used [`CUSTOMER_SUPPLIED_WARN`](crate::keys::limits::CUSTOMER_SUPPLIED_WARN) customer-supplied versions.
    pub is_limit_near: bool,
}

/// Returns the end of the time in which a rotation is due soon: a week.
pub fn soon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::days(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_what_a_country_lacks_is_said() {
        let now = DateTime::UNIX_EPOCH;
        let key = KeyState {
            kind: EnvironmentKind::Production,
            is_there: true,
            due_at: None,
            health: None,
            is_limit_near: false,
        };
        let lack = |due: Option<i64>, health| {
            let due_at = due.and_then(|at| DateTime::from_timestamp(at, 0));
            Lack::of(&KeyState { due_at, health, ..key }, now)
        };
        let none = KeyState { is_there: false, ..key };
        assert_eq!(Lack::of(&none, now), Some(Lack::NoKey));
        let in_test = KeyState { kind: EnvironmentKind::Test, ..none };
        assert_eq!(Lack::of(&in_test, now), Some(Lack::NoKeyInTest));
        assert!(!Lack::NoKeyInTest.is_bad() && Lack::NoKeyInTest.is_of_key());
        let week = 7 * 86_400;
        assert_eq!(lack(Some(week + 1), None), None);
        assert_eq!(lack(Some(week), None), Some(Lack::DueSoon));
        assert_eq!(lack(Some(1), None), Some(Lack::DueSoon));
        assert_eq!(lack(Some(0), None), Some(Lack::Rotate));
        assert_eq!(lack(None, Some(HealthState::Healthy)), None);
        assert_eq!(lack(None, Some(HealthState::Refused)), Some(Lack::Refused));
        assert_eq!(lack(None, Some(HealthState::Damaged)), Some(Lack::Damaged));
        assert_eq!(lack(Some(0), Some(HealthState::Unreachable)), Some(Lack::Unreachable));
        let near = KeyState { is_limit_near: true, ..key };
        assert_eq!(Lack::of(&near, now), Some(Lack::LimitNear));
        assert_eq!(Lack::of(&KeyState { due_at: Some(now), ..near }, now), Some(Lack::Rotate));
    }

    #[test]
    fn every_word_is_that_of_one_lack() {
        for lack in Lack::ALL {
            assert_eq!(Lack::from_word(lack.word()), Some(lack));
        }
        assert_eq!(Lack::from_word("healthy"), None);
    }
}
