//! What happened to a version, the newest first.

use crate::audit::event::{Action, Event, Outcome};
use crate::keys::view::{UsageView, VersionRow};
use chrono::{DateTime, Utc};

/// Maximum number of lines of the audit log in a timeline.
pub const LINES: u32 = 50;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Created,
    /// Another version became the Active one.
    Deprecated,
    PeriodChanged,
    /// The rotation that was due is postponed.
    Postponed,
    CredentialsReplaced,
    CheckPassed,
    CheckFailed,
    /// The customer's KMS releases the key again.
    Healthy,
    /// The customer's KMS refuses, or cannot be reached, or what is stored is damaged.
    Unhealthy,
    FirstUse,
    LastUse,
}

impl Happened {
    pub fn label(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Deprecated => "Deprecated",
            Self::PeriodChanged => "Rotation period changed",
            Self::Postponed => "Rotation postponed",
            Self::CredentialsReplaced => "Credentials replaced",
            Self::CheckPassed => "Check passed",
            Self::CheckFailed => "Check failed",
            Self::Healthy => "Healthy",
            Self::Unhealthy => "Not healthy",
            Self::FirstUse => "First use",
            Self::LastUse => "Last use",
        }
    }
}

/// An entry of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: DateTime<Utc>,
    pub happened: Happened,
    /// Who did it: an e-mail address, "Keystead" or "Command line"; empty for what services do.
    pub who: String,
    pub detail: String,
}

/// What a timeline is made from.
pub struct Sources {
    pub version: VersionRow,
    /// The version that replaced it.
    pub next: Option<VersionRow>,
    pub usage: UsageView,
    /// Lines of the audit log about the version, the newest first.
    pub lines: Vec<Event>,
    /// The line about the creation of `next`.
    pub replaced_by: Option<Event>,
}

/// The timeline of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub moments: Vec<Moment>,
    /// The audit log has more lines about the version.
    pub is_cut: bool,
}

impl Timeline {
    pub fn of(from: Sources) -> Self {
        let Sources { version, next, usage, lines, replaced_by } = from;
        let is_cut = lines.len() >= LINES as usize;
        let made = lines.iter().find(|line| is_creation(line)).cloned();
        let mut moments: Vec<Moment> = lines.into_iter().filter_map(of_line).collect();
        moments.push(Moment {
            at: version.created_at,
            happened: Happened::Created,
            who: version.created_by,
            detail: made.map(|line| how(&line)).unwrap_or_default(),
        });
        if let Some(next) = next {
            let how = replaced_by.map(|line| format!(" ({})", how(&line))).unwrap_or_default();
            moments.push(Moment {
                at: next.created_at,
                happened: Happened::Deprecated,
                who: next.created_by,
                detail: format!("Version {} replaced it{how}.", next.number),
            });
        }
        let of_use = |at, happened| Moment { at, happened, who: String::new(), detail: String::new() };
        moments.extend(usage.first_used_at.map(|at| of_use(at, Happened::FirstUse)));
        let last = usage.last_used_at.filter(|last| usage.first_used_at != Some(*last));
        moments.extend(last.map(|at| of_use(at, Happened::LastUse)));
        // Stable, so that lines of one moment keep their order.
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.at));
        Self { moments, is_cut }
    }
}

fn is_creation(line: &Event) -> bool {
    use Action::{KeyCreate, KeyRotate, KeyRotateAutomatic, KeyRotateNow};
    matches!(line.action, KeyCreate | KeyRotate | KeyRotateNow | KeyRotateAutomatic)
}

/// Says how a version was made, and why: "Rotate now: passes the daily limit …".
fn how(line: &Event) -> String {
    // The line repeats what the page says already, and ends with the reason of "Rotate now".
    match line.detail.split_once("; passes ") {
        Some((_, why)) => format!("{}: passes {why}", line.action.label()),
        None => line.action.label().to_owned(),
    }
}

fn of_line(line: Event) -> Option<Moment> {
    let happened = match (line.action, line.outcome) {
        (Action::KeySettings, Outcome::Done) => Happened::PeriodChanged,
        (Action::KeyRotateDeferred, _) => Happened::Postponed,
        (Action::KeyCredentials, Outcome::Done) => Happened::CredentialsReplaced,
        (Action::KeyCheck, Outcome::Done) => Happened::CheckPassed,
        (Action::KeyCheck, Outcome::Refused) => Happened::CheckFailed,
        (Action::KeyHealth, _) if line.detail.contains("→ healthy") => Happened::Healthy,
        (Action::KeyHealth, _) => Happened::Unhealthy,
        _ => return None,
    };
    let detail = line.detail.strip_prefix("version ").and_then(|rest| rest.split_once(": "));
    let detail = detail.map_or(line.detail.as_str(), |(_, detail)| detail);
    Some(Moment { at: line.at, happened, who: line.who, detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key_type::KeyType;
    use crate::keys::key_version::Status;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn version(number: u32, created_at: &str) -> VersionRow {
        VersionRow {
            number,
            key_type: KeyType::Managed,
            period: None,
            created_at: at(created_at),
            status: Status::Active,
            due_at: None,
            created_by: "ada@example.com".into(),
            id: i64::from(number),
            health: None,
            is_proved: true,
        }
    }

    fn line(sequence: i64, when: &str, action: Action, outcome: Outcome, detail: &str) -> Event {
        Event {
            sequence,
            at: at(when),
            who: "ada@example.com".into(),
            action,
            place: "production/DE".into(),
            place_id: String::new(),
            outcome,
            detail: detail.into(),
            address: String::new(),
        }
    }

    #[test]
    fn it_tells_from_creation_to_replacement() {
        let lines = vec![
            line(
                9,
                "2026-11-22T11:31:00Z",
                Action::KeyHealth,
                Outcome::Done,
                "version 3: healthy → refused (Disabled)",
            ),
            line(
                8,
                "2026-11-21T14:06:00Z",
                Action::KeyCheck,
                Outcome::Refused,
                "version 3: 5 of 7 checks passed",
            ),
            line(
                7,
                "2026-11-21T14:04:00Z",
                Action::KeyRotate,
                Outcome::Done,
                "version 3, Managed, 30 days; version 2 deprecated",
            ),
        ];
        let why = "version 4, Managed, 30 days; version 3 deprecated; passes the daily limit: 1 of 1 Managed before it; reason: “Theft”";
        let timeline = Timeline::of(Sources {
            version: version(3, "2026-11-21T14:04:00Z"),
            next: Some(version(4, "2026-11-23T09:00:00Z")),
            usage: UsageView {
                issued: 2,
                seen: 1,
                first_used_at: Some(at("2026-11-21T15:00:00Z")),
                last_used_at: Some(at("2026-11-24T15:00:00Z")),
            },
            lines,
            replaced_by: Some(line(10, "2026-11-23T09:00:00Z", Action::KeyRotateNow, Outcome::Done, why)),
        });
        let told: Vec<_> = timeline.moments.iter().map(|one| (one.happened, one.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                (Happened::LastUse, ""),
                (
                    Happened::Deprecated,
                    "Version 4 replaced it (Rotate now: passes the daily limit: 1 of 1 Managed before it; reason: “Theft”)."
                ),
                (Happened::Unhealthy, "healthy → refused (Disabled)"),
                (Happened::FirstUse, ""),
                (Happened::CheckFailed, "5 of 7 checks passed"),
                (Happened::Created, "Rotate encryption key"),
            ]
        );
        assert!(!timeline.is_cut);
    }
}
