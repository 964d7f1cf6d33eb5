//! Key versions: their types, their status, and the plan of the next version.

use crate::custody::vendor::Vendor;
use crate::keys::key_type::KeyType;
use crate::keys::limits::{DailyLimits, Left, LimitReached, Passed, Passing, Used};
use crate::keys::rotation::RotationPeriod;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The status of a version. The newest version is Active and encrypts; every older version is Deprecated and only decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Active,
    Deprecated,
}

impl Status {
    pub const ALL: [Self; 2] = [Self::Active, Self::Deprecated];

    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Deprecated => "Deprecated",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// The version that is Active now, as the rules need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveVersion {
    pub number: u32,
    pub key_type: KeyType,
    pub created_at: DateTime<Utc>,
    /// Managed versions only.
    pub period: Option<RotationPeriod>,
    /// Managed versions only.
    pub due_at: Option<DateTime<Utc>>,
}

/// The version to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewVersion {
    Managed { period: RotationPeriod },
    CustomerHeld(Vendor),
}

impl NewVersion {
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Managed { .. } => KeyType::Managed,
            Self::CustomerHeld(vendor) => KeyType::CustomerHeld(vendor),
        }
    }

    /// Returns the rotation period of a managed version.
    pub fn period(self) -> Option<RotationPeriod> {
        match self {
            Self::Managed { period } => Some(period),
            Self::CustomerHeld(_) => None,
        }
    }
}

/// The exact effects of creating a version. The page shows the plan; the store executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub number: u32,
    pub new: NewVersion,
    /// The version that becomes Deprecated in the same transaction.
    pub deprecates: Option<u32>,
    pub due_at: Option<DateTime<Utc>>,
    /// 1 to 100, for customer-supplied versions.
    pub customer_supplied_no: Option<u32>,
    pub left: Left,
    /// The daily limits by which it was planned.
    pub limits: DailyLimits,
    /// The daily limit of its type, when the version passes it.
    pub passes: Option<Passed>,
}

/// Plans the next version of a scope: its number, the version that it deprecates, its due date, and the rest of each limit.
///
/// # Errors
/// [`LimitReached`] when a limit forbids another version that `passing` does not let it pass.
pub fn plan(
    active: Option<ActiveVersion>,
    new: NewVersion,
    used: Used,
    limits: DailyLimits,
    passing: Passing,
    at: DateTime<Utc>,
) -> Result<Plan, LimitReached> {
    let key_type = new.key_type();
    let passes = match passing {
        Passing::Nothing => None,
        Passing::LimitOfType => limits.reached_of_type(used),
    };
    let left = match passes {
        None => limits.after_one_more(used, key_type, at)?,
        Some(_) => limits.after_one_passing(used, key_type, at)?,
    };
    let due_at = new.period().map(|period| period.due_after(at));
    Ok(Plan {
        // The Active version is always the newest, so no number is used twice. Only a restore leaves numbers out.
        number: active.map_or(0, |version| version.number).max(used.numbers_through) + 1,
        new,
        deprecates: active.map(|version| version.number),
        due_at,
        // Keystead never deletes a version, so the number after the count is free.
        customer_supplied_no: key_type.is_customer_supplied().then_some(used.customer_supplied + 1),
        left,
        limits,
        passes,
    })
}

/// The reason why "Add version" and "Settings" are not possible now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotManaged {
    #[error("This scope has no encryption key yet. Add one first.")]
    NoKey,
    #[error(
        "Keystead does not manage the active version. To add the next version, use \"Add encryption key\"."
    )]
    CustomerSupplied,
}

/// Returns the Active version and its period, if Keystead manages it. "Add version" and "Settings" need both.
///
/// # Errors
/// [`NotManaged`] when the scope has no key, or its Active version is customer-supplied.
pub fn managed(active: Option<ActiveVersion>) -> Result<(ActiveVersion, RotationPeriod), NotManaged> {
    let version = active.ok_or(NotManaged::NoKey)?;
    let period = version.period.ok_or(NotManaged::CustomerSupplied)?;
    Ok((version, period))
}

/// Checks whether the scheduler must rotate: only an Active managed version whose due date has come.
pub fn is_due(active: ActiveVersion, now: DateTime<Utc>) -> bool {
    active.key_type == KeyType::Managed && active.due_at.is_some_and(|due| due <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::rotation::{day_start, next_day};
    use chrono::Duration;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    struct Row {
        number: u32,
        key_type: KeyType,
        status: Status,
        created_at: DateTime<Utc>,
        period: Option<RotationPeriod>,
        due_at: Option<DateTime<Utc>>,
        customer_supplied_no: Option<u32>,
        rotated_for: Option<DateTime<Utc>>,
        passes: bool,
    }

    /// An in-memory model of the store that executes plans.
    #[derive(Default)]
    struct Scope {
        rows: Vec<Row>,
    }

    impl Scope {
        fn active(&self) -> Option<ActiveVersion> {
            self.rows.iter().find(|row| row.status == Status::Active).map(|row| ActiveVersion {
                number: row.number,
                key_type: row.key_type,
                created_at: row.created_at,
                period: row.period,
                due_at: row.due_at,
            })
        }

        fn usage(&self, key_type: KeyType, at: DateTime<Utc>) -> Used {
            let today = self.rows.iter().filter(|row| row.created_at >= day_start(at));
            Used {
                of_type_today: today.clone().filter(|row| row.key_type == key_type).count() as u32,
                today: today.count() as u32,
                customer_supplied: self.rows.iter().filter(|row| row.customer_supplied_no.is_some()).count()
                    as u32,
                numbers_through: 0,
            }
        }

        fn add(
            &mut self,
            new: NewVersion,
            limits: DailyLimits,
            at: DateTime<Utc>,
            rotated_for: Option<DateTime<Utc>>,
        ) -> Result<Plan, LimitReached> {
            self.add_passing(new, limits, Passing::Nothing, at, rotated_for)
        }

        fn add_passing(
            &mut self,
            new: NewVersion,
            limits: DailyLimits,
            passing: Passing,
            at: DateTime<Utc>,
            rotated_for: Option<DateTime<Utc>>,
        ) -> Result<Plan, LimitReached> {
            let plan = plan(self.active(), new, self.usage(new.key_type(), at), limits, passing, at)?;
            for row in &mut self.rows {
                if Some(row.number) == plan.deprecates {
                    row.status = Status::Deprecated;
                }
            }
            self.rows.push(Row {
                number: plan.number,
                key_type: new.key_type(),
                status: Status::Active,
                created_at: at,
                period: new.period(),
                due_at: plan.due_at,
                customer_supplied_no: plan.customer_supplied_no,
                rotated_for,
                passes: plan.passes.is_some(),
            });
            Ok(plan)
        }

        fn tick(&mut self, limits: DailyLimits, at: DateTime<Utc>) {
            if let Some(active) = self.active().filter(|active| is_due(*active, at)) {
                let (_, period) = managed(Some(active)).expect("a managed version");
                let _ = self.add(NewVersion::Managed { period }, limits, at, active.due_at);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Action {
        Add(NewVersion),
        Pass(NewVersion),
        Settings(RotationPeriod),
        Tick,
        Wait(i64),
    }

    fn action() -> impl Strategy<Value = Action> {
        let period = prop::sample::select(RotationPeriod::ALL.to_vec());
        prop_oneof![
            period.clone().prop_map(|period| Action::Add(NewVersion::Managed { period })),
            Just(Action::Add(NewVersion::CustomerHeld(Vendor::Aws))),
            period.clone().prop_map(|period| Action::Pass(NewVersion::Managed { period })),
            Just(Action::Pass(NewVersion::CustomerHeld(Vendor::Aws))),
            period.prop_map(Action::Settings),
            Just(Action::Tick),
            (1i64..200 * 24 * 60).prop_map(Action::Wait),
        ]
    }

    proptest! {
        #[test]
        fn any_sequence_leaves_one_active_no_gap_and_no_limit_passed(
            start in 0i64..4_000_000_000,
            per_type in 1u32..4,
            per_scope in 1u32..4,
            actions in prop::collection::vec(action(), 1..120),
        ) {
            let limits = DailyLimits { per_type, per_scope };
            let mut now = DateTime::from_timestamp(start, 0).expect("a time");
            let mut scope = Scope::default();
            for action in actions {
                match action {
                    Action::Add(new) => { let _ = scope.add(new, limits, now, None); }
                    Action::Pass(new) => {
                        let passing = Passing::LimitOfType;
                        let reached = limits.reached_of_type(scope.usage(new.key_type(), now));
                        if let Ok(plan) = scope.add_passing(new, limits, passing, now, None) {
                            prop_assert_eq!(plan.passes, reached);
                            prop_assert!(reached.is_none() || plan.left.of_type_today == 0);
                        }
                    }
                    Action::Settings(period) => {
                        let active = |row: &&mut Row| row.status == Status::Active && row.period.is_some();
                        if let Some(row) = scope.rows.iter_mut().find(active) {
                            row.period = Some(period);
                            row.due_at = Some(period.due_after(row.created_at));
                        }
                    }
                    Action::Tick => scope.tick(limits, now),
                    Action::Wait(minutes) => now += Duration::minutes(minutes),
                }
                let active = scope.rows.iter().filter(|row| row.status == Status::Active).count();
                prop_assert_eq!(active, usize::from(!scope.rows.is_empty()));
                let numbers: Vec<_> = scope.rows.iter().map(|row| row.number).collect();
                prop_assert_eq!(numbers, (1..=scope.rows.len() as u32).collect::<Vec<_>>());
                for key_type in KeyType::ALL {
                    let used = scope.usage(key_type, now);
                    let today = scope.rows.iter().filter(|row| row.created_at >= day_start(now));
                    let passed = today.filter(|row| row.passes && row.key_type == key_type).count() as u32;
                    prop_assert!(used.today <= per_scope && used.of_type_today - passed <= per_type);
                }
                let supplied: Vec<_> = scope.rows.iter().filter_map(|row| row.customer_supplied_no).collect();
                prop_assert_eq!(&supplied, &(1..=supplied.len() as u32).collect::<Vec<_>>());
                prop_assert!(supplied.len() <= crate::keys::limits::CUSTOMER_SUPPLIED_MAX as usize);
                let mut dues: Vec<_> = scope.rows.iter().filter_map(|row| row.rotated_for).collect();
                let all = dues.len();
                dues.sort();
                dues.dedup();
                prop_assert_eq!(dues.len(), all, "a due date rotated twice");
            }
            // A refused rotation is only delayed: on the next UTC day at the latest, a due key gets its successor.
            if scope.active().is_some_and(|active| is_due(active, now)) {
                let before = scope.rows.len();
                scope.tick(limits, next_day(now));
                prop_assert_eq!(scope.rows.len(), before + 1);
                scope.tick(limits, next_day(now));
                prop_assert_eq!(scope.rows.len(), before + 1, "one rotation, not one per missed period");
            }
        }
    }

    #[test]
    fn only_a_managed_active_version_offers_rotation() {
        assert_eq!(managed(None), Err(NotManaged::NoKey));
        let mut scope = Scope::default();
        let noon: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().expect("a time");
        let limits = DailyLimits::default();
        scope.add(NewVersion::Managed { period: RotationPeriod::Days30 }, limits, noon, None).expect("room");
        scope.add(NewVersion::CustomerHeld(Vendor::Aws), limits, noon, None).expect("room for another type");
        assert_eq!(managed(scope.active()), Err(NotManaged::CustomerSupplied));
        let later = noon + Duration::days(400);
        assert!(scope.active().is_some_and(|active| !is_due(active, later)), "its schedule has ended");
    }
}
