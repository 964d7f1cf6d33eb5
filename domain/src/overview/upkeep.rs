//! How an installation is looked after: its backups, and whether its database is the newest.

use chrono::{DateTime, TimeDelta, Utc};

/// Age from which on a backup is too old.
const LATE: TimeDelta = TimeDelta::days(7);

/// Maximum difference between the clocks of servers.
const AHEAD: TimeDelta = TimeDelta::seconds(60);

/// What an operator must look after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpkeepView {
    pub now: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    /// When the last backup was made.
    pub backup_at: Option<DateTime<Utc>>,
    /// Why the database is known to be older than it was, if it is. No versions are made meanwhile.
    pub older_than: Option<String>,
    /// Number of rows that this server has found and that Keystead did not write.
    pub unproved: usize,
    /// Number of rows that carry a time of the future.
    pub ahead: u32,
    /// How far the server's clock is off the database's, if it is too far for verification codes and automatic rotation.
    pub clock_off: Option<TimeDelta>,
    /// Number of bytes that are free in the data folder, if they are few.
    pub free: Option<u64>,
    pub journal: JournalState,
    /// What seems to be wrong with a proxy in front of the server that shows the page.
    pub proxy: Option<ProxyProblem>,
}

/// Whether the server that shows the page can write its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalState {
    Works,
    /// The disk is full. The journal writes into the space that was kept for this.
    OnReserve,
    /// The data plane answers nothing.
    Stopped,
}

/// Why Keystead cannot tell the visitors behind a proxy apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyProblem {
    /// Requests come from this address, which says that it forwards for others and is no trusted proxy.
    Unnamed(String),
    /// The trusted proxy with this address does not tell for whom it forwards.
    Unclear(String),
    /// The public URL needs a proxy, and no proxy is trusted.
    NoneNamed,
}

impl UpkeepView {
    /// Returns when the next backup is due. A new installation has as much time for its first one.
    pub fn backup_due_at(&self) -> DateTime<Utc> {
        // A time of the future tells nothing.
        let since =
            [self.backup_at, Some(self.created_at)].into_iter().flatten().find(|at| *at <= self.now + AHEAD);
        since.map_or(self.now - AHEAD, |at| at + LATE)
    }

    /// Checks whether the last backup is too old.
    pub fn is_backup_late(&self) -> bool {
        self.now > self.backup_due_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_late_after_a_week_and_so_is_the_first_one() {
        let now: DateTime<Utc> = "2026-11-30T12:00:00Z".parse().expect("a time");
        let is_late = |age: i64, backup: Option<i64>| {
            let before = |days| now - TimeDelta::days(days);
            let backup_at = backup.map(before);
            let created_at = before(age);
            let (clock_off, free, journal) = (None, None, JournalState::Works);
            let rest = (None, 0, 0, None);
            let (older_than, unproved, ahead, proxy) = rest;
            UpkeepView {
                now,
                created_at,
                backup_at,
                older_than,
                unproved,
                ahead,
                clock_off,
                free,
                journal,
                proxy,
            }
            .is_backup_late()
        };
        assert!(!is_late(7, None) && is_late(8, None));
        assert!(!is_late(400, Some(7)) && is_late(400, Some(8)));
        assert!(is_late(400, Some(-405)), "a backup of the future is none");
    }
}
