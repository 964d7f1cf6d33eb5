//! The audit log: pages, searches and exports.

use crate::audit::Audit;
use crate::base::entry::Entry;
use crate::{Error, Session, Stage};
use domain::audit::event::{Action, AuditQuery, Event};
use domain::audit::view::AuditView;

/// Number of events on one page of the log.
const PAGE: u32 = 50;
/// Number of events in one piece of an export.
const PIECE: u32 = 5000;

impl Audit {
    /// Returns a page of the audit log: the newest events, or those older than `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log(&self, before: Option<i64>) -> Result<AuditView, Error> {
        self.search_log(&AuditQuery::default(), before).await
    }

    /// Returns a page of the events that match the query.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_log(&self, query: &AuditQuery, before: Option<i64>) -> Result<AuditView, Error> {
        // One event more than a page holds tells whether an older page exists, without a count of all matches.
        let mut events = self.vault.db().audit().events(query, before, PAGE + 1).await?;
        let has_older = events.len() > PAGE as usize;
        events.truncate(PAGE as usize);
        let older = has_older.then(|| events.last().map(|event| event.sequence)).flatten();
        Ok(AuditView { events, older, is_older_page: before.is_some() })
    }

    /// Returns a piece of an export: events newer than `after`, oldest first. The last piece is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export_log(&self, query: &AuditQuery, after: i64) -> Result<Vec<Event>, Error> {
        self.vault.db().audit().events_after(query, after, PIECE).await
    }

    /// Records in the audit log that a person exports a part of it.
    ///
    /// # Errors
    /// When the database fails; the caller then exports nothing.
    pub async fn begin_export(&self, who: &Session, what: &str) -> Result<(), Error> {
        who.require(Stage::Full)?;
        self.vault
            .db()
            .record(Entry::done(self.vault.now(), who.actor(), Action::AuditExport).with(what))
            .await
    }
}
