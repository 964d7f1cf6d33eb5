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
    /// What seems to be wrong with a proxy in front of the server that shows the page.
    pub proxy: Option<ProxyProblem>,
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
    /// Checks whether the last backup is too old. A new installation has as much time for its first one.
    pub fn is_backup_late(&self) -> bool {
        // A time of the future tells nothing.
        let since =
            [self.backup_at, Some(self.created_at)].into_iter().flatten().find(|at| *at <= self.now + AHEAD);
        since.is_none_or(|at| self.now - at > LATE)
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
            UpkeepView { now, created_at, backup_at, older_than: None, unproved: 0, ahead: 0, proxy: None }
                .is_backup_late()
        };
        assert!(!is_late(7, None) && is_late(8, None));
        assert!(!is_late(400, Some(7)) && is_late(400, Some(8)));
        assert!(is_late(400, Some(-405)), "a backup of the future is none");
    }
}
