//! The calendar of coming rotations, ends of API keys and reminders.

use super::Overview;
use crate::Error;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::base::pages::Page;
use domain::overview::calendar::{
    CalendarView, Coming, DAY_PAGE, DayView, Entry, MONTH_NAMED, Month, bounds,
};

/// Maximum number of API keys that a month names.
const KEYS: usize = 1_000;

/// Returns the place of an entry: what is overdue comes first on its day, the rest in the order of time.
fn order(entry: &Entry) -> (NaiveDate, bool, DateTime<Utc>) {
    let is_overdue = matches!(entry.coming, Coming::Backup { overdue_since: Some(_) });
    (entry.at.date_naive(), !is_overdue, entry.at)
}

impl Overview {
    /// Returns what comes in a month.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn month(&self, month: Month) -> Result<CalendarView, Error> {
        let all = month.days();
        let numbers = self.vault.db().overview().rotations_on(&all).await?;
        let mut days: Vec<DayView> = all
            .iter()
            .zip(numbers)
            .map(|(day, rotations)| DayView { day: *day, rotations, entries: Vec::new() })
            .collect();
        let (Some(first), Some(last)) = (all.first(), all.last()) else {
            return Ok(CalendarView::Month { month, days });
        };
        let total = days.iter().map(|day| day.rotations).fold(0, u32::saturating_add);
        let mut entries = match total <= MONTH_NAMED {
            true => {
                let (from, to) = (bounds(*first).0, bounds(*last).1);
                self.vault.db().overview().rotations(from, to, 0, MONTH_NAMED as usize).await?
            }
            false => Vec::new(),
        };
        entries.extend(self.ends(*first, *last).await?);
        entries.sort_by_key(order);
        for entry in entries {
            if let Some(day) = days.iter_mut().find(|day| day.day == entry.at.date_naive()) {
                day.entries.push(entry);
            }
        }
        Ok(CalendarView::Month { month, days })
    }

    /// Returns what comes on a day: a page of its rotations, and on the first page what else comes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn day(&self, day: NaiveDate, page: usize) -> Result<CalendarView, Error> {
        let rotations =
            self.vault.db().overview().rotations_on(&[day]).await?.first().copied().unwrap_or_default();
        let page = Page::of(rotations as usize, DAY_PAGE, page);
        let (from, to) = bounds(day);
        let mut entries =
            self.vault.db().overview().rotations(from, to, page.range().start, DAY_PAGE).await?;
        if page.number == 1 {
            entries.extend(self.ends(day, day).await?);
            entries.sort_by_key(order);
        }
        Ok(CalendarView::Day { day: DayView { day, rotations, entries }, page })
    }

    /// Returns the ends of API keys, and the time of the next backup, in some days.
    async fn ends(&self, first: NaiveDate, last: NaiveDate) -> Result<Vec<Entry>, Error> {
        let (from, to) = (bounds(first).0, bounds(last).1);
        let before = |at| at - TimeDelta::microseconds(1);
        let keys = self.vault.db().overview().ending_keys(before(from), before(to), KEYS).await?;
        let keys = keys.named.into_iter().map(|key| Entry {
            at: key.expires_at,
            coming: Coming::ApiKeyEnds { id: key.id, name: key.name },
        });
        let upkeep = self.upkeep().await?;
        // What is overdue is due today, whatever day it was due on.
        let due_at = upkeep.backup_due_at();
        let overdue_since = upkeep.is_backup_late().then_some(due_at);
        let at = if overdue_since.is_some() { upkeep.now } else { due_at };
        let backup =
            (from <= at && at < to).then_some(Entry { at, coming: Coming::Backup { overdue_since } });
        Ok(keys.chain(backup).collect())
    }
}
