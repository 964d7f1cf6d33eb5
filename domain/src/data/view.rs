//! Tenant secrets, and the reference of the data plane.

use crate::base::words;
use crate::data::tenant_secret::{RotationStep, SecretType};
use chrono::{DateTime, TimeDelta, Utc};

/// Numbers of tenant secrets of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSecretsView {
    /// Number of current secrets of each type.
    pub current: Vec<(SecretType, u32)>,
    /// Number of previous secrets, which clients still get while a rotation is under way.
    pub previous: u32,
    pub rotating_since: Option<DateTime<Utc>>,
    /// Number of secrets that have been replaced, in any rotation.
    pub followed: i64,
    pub uses: PreviousUses,
}

/// Uses of the previous secrets while a rotation is under way. A use is a key, derived from a previous secret, that Keystead handed
/// out to a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviousUses {
    pub count: u64,
    pub last_at: Option<DateTime<Utc>>,
    /// The beginning of the count, if it is shorter than [`PreviousUses::LOOKS_BACK`].
    pub since: Option<Since>,
}

/// The time from which uses are counted, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The secrets became the previous ones.
    Rotation(DateTime<Utc>),
    /// Keystead was upgraded to a release that counts, or a backup was restored, so earlier uses may be missing.
    Counting(DateTime<Utc>),
}

impl PreviousUses {
    /// Time for which uses are counted.
    pub const LOOKS_BACK: TimeDelta = TimeDelta::days(30);

    /// Makes the view from the sums, the beginning of the rotation, and the time since when counts are complete.
    pub fn new(
        count: u64,
        last_at: Option<DateTime<Utc>>,
        rotating_since: Option<DateTime<Utc>>,
        counting_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        let since = match (rotating_since, counting_since) {
            (Some(rotating), Some(counting)) if counting > rotating => Some(Since::Counting(counting)),
            (Some(rotating), _) => Some(Since::Rotation(rotating)),
            (None, _) => None,
        };
        let is_short = |since: &Since| {
            let (Since::Rotation(at) | Since::Counting(at)) = since;
            *at > now - Self::LOOKS_BACK
        };
        Self { count, last_at, since: since.filter(is_short) }
    }

    /// Says how often, in which time, and when last: "12 times in the last 30 days, last at 30 Nov 2026, 14:05 UTC".
    pub fn text(&self) -> String {
        let often = match self.count {
            0 => "not once".to_owned(),
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        let when = match self.since {
            None => "in the last 30 days".to_owned(),
            // The count of before a restore came with the backup.
            Some(Since::Counting(at)) if self.last_at.is_some_and(|last| last < at) => {
                "in the last 30 days".to_owned()
            }
            Some(Since::Rotation(at) | Since::Counting(at)) => format!("since {}", words::date(at)),
        };
        let last = self.last_at.map(|at| format!(", last at {}", words::moment(at))).unwrap_or_default();
        format!("{often} {when}{last}")
    }

    /// Says why the count covers less than 30 days.
    pub fn reason(&self) -> Option<String> {
        self.since.map(|since| match since {
            Since::Rotation(at) => format!("The rotation began on {}.", words::date(at)),
            Since::Counting(at) => {
                let at = words::date(at);
                format!(
                    "Counted since {at}, when Keystead was upgraded or restored. Earlier uses may be missing."
                )
            }
        })
    }
}

impl TenantSecretsView {
    pub fn total(&self) -> u32 {
        self.current.iter().map(|(_, count)| count).sum()
    }

    /// Returns the next step of a rotation; `None` while there is nothing to rotate.
    pub fn due(&self) -> Option<RotationStep> {
        match (self.previous, self.total()) {
            (0, 0) => None,
            (0, _) => Some(RotationStep::Begin),
            _ => Some(RotationStep::Finish),
        }
    }
}

/// An operation of the data plane, as the OpenAPI document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOperation {
    pub method: &'static str,
    pub path: String,
    pub about: String,
    pub name: String,
    /// The fields of one item of the request, and those of its answer.
    pub request: Vec<ApiField>,
    pub answer: Vec<ApiField>,
}

/// A field of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiField {
    pub name: String,
    pub kind: String,
    pub is_required: bool,
    pub about: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_says_what_time_it_covers() {
        let now: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().expect("a time");
        let before = |days| Some(now - TimeDelta::days(days));
        let said = |count, last, rotating, counting| {
            let uses = PreviousUses::new(count, last, rotating, counting, now);
            (uses.text(), uses.reason().unwrap_or_default())
        };
        let whole =
            ("12 times in the last 30 days, last at 29 Nov 2026, 12:00 UTC".to_owned(), String::new());
        assert_eq!(said(12, before(1), before(40), None), whole);
        assert_eq!(said(12, before(1), before(40), before(31)), whole);
        let began = "The rotation began on 27 Nov 2026.".to_owned();
        assert_eq!(said(0, None, before(3), before(9)), ("not once since 27 Nov 2026".to_owned(), began));
        let (text, reason) = said(0, None, before(40), before(0));
        assert_eq!(text, "not once since 30 Nov 2026", "a portal that was upgraded today knows nothing");
        assert!(reason.starts_with("Counted since 30 Nov 2026, when Keystead was upgraded or restored."));
        let restored = said(3, before(2), before(9), before(1)).0;
        assert_eq!(
            restored, "3 times in the last 30 days, last at 28 Nov 2026, 12:00 UTC",
            "counted before the restore"
        );
        assert_eq!(
            said(1, before(0), before(40), None).0,
            "once in the last 30 days, last at 30 Nov 2026, 12:00 UTC"
        );
    }
}
