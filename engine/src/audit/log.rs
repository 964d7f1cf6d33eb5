//! What is written into the audit log, and by whom it was caused.

use crate::audit::Audit;
use crate::base::entry::Entry;
use crate::{Error, Session, Stage};
use domain::audit::event::{Action, AuditQuery, Event};
use domain::audit::view::AuditView;

/// Events on one page of the log.
const PAGE: u32 = 50;
/// Events in one piece of an export.
const PIECE: u32 = 5000;

impl Audit {
    /// A page of the audit log: the newest events, or those older than `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log(&self, before: Option<i64>) -> Result<AuditView, Error> {
        self.search_log(&AuditQuery::default(), before).await
    }

    /// A page of those events that are looked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_log(&self, query: &AuditQuery, before: Option<i64>) -> Result<AuditView, Error> {
        let mut events = self.vault.db().audit().events(query, before, PAGE + 1).await?;
        let has_older = events.len() > PAGE as usize;
        events.truncate(PAGE as usize);
        let older = has_older.then(|| events.last().map(|event| event.sequence)).flatten();
        Ok(AuditView { events, older, is_older_page: before.is_some() })
    }

    /// A piece of an export: events newer than `after`, oldest first. The last piece is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export_log(&self, query: &AuditQuery, after: i64) -> Result<Vec<Event>, Error> {
        self.vault.db().audit().events_after(query, after, PIECE).await
    }

    /// Writes down that somebody takes a part of the log away.
    ///
    /// # Errors
    /// When the database fails: then nothing is handed out.
    pub async fn begin_export(&self, who: &Session, what: &str) -> Result<(), Error> {
        who.require(Stage::Full)?;
        self.vault
            .db()
            .record(Entry::done(self.vault.now(), who.actor(), Action::AuditExport).with(what))
            .await
    }
}
