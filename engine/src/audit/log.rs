//! What is written into the audit log, and by whom it was caused.

use crate::{Error, Portal, Session, Stage};
use chrono::{DateTime, Utc};
use domain::audit::event::{Action, AuditQuery, Event, Outcome};
use domain::audit::view::AuditView;
use domain::base::id::UserId;

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Person {
        id: UserId,
        email: String,
        address: String,
    },
    /// Somebody at the host's command line.
    Host,
    /// Keystead itself, when a key rotates on its date.
    Scheduler,
    /// A browser without a session.
    Stranger {
        address: String,
    },
}

impl Actor {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person { .. } => "person",
            Self::Host => "host",
            Self::Scheduler => "scheduler",
            Self::Stranger { .. } => "stranger",
        }
    }

    pub fn id(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The name a person reads.
    pub fn name(&self) -> &str {
        match self {
            Self::Person { email, .. } => email,
            Self::Host => "Command line",
            Self::Scheduler => "Keystead",
            Self::Stranger { .. } => "Nobody signed in",
        }
    }

    pub fn address(&self) -> &str {
        match self {
            Self::Person { address, .. } | Self::Stranger { address } => address,
            Self::Host | Self::Scheduler => "",
        }
    }
}

/// One line of the audit log before it has its number.
#[must_use = "an event is written by committing with it"]
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub action: Action,
    pub place: String,
    pub outcome: Outcome,
    pub detail: String,
}

impl Entry {
    pub fn done(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self { at, actor, action, place: String::new(), outcome: Outcome::Done, detail: String::new() }
    }

    pub fn refused(at: DateTime<Utc>, actor: Actor, action: Action) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(at, actor, action) }
    }

    /// Where: `production/DE`.
    pub fn at_place(mut self, place: impl ToString) -> Self {
        self.place = place.to_string();
        self
    }

    /// What exactly, or why not. Never a secret.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Events on one page of the log.
const PAGE: u32 = 50;
/// Events in one piece of an export.
const PIECE: u32 = 5000;

impl Portal {
    /// A page of the audit log: the newest events, or those older than `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_log(&self, before: Option<i64>) -> Result<AuditView, Error> {
        self.search_audit_log(&AuditQuery::default(), before).await
    }

    /// A page of those events that are looked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search_audit_log(
        &self,
        query: &AuditQuery,
        before: Option<i64>,
    ) -> Result<AuditView, Error> {
        let mut events = self.db().events(query, before, PAGE + 1).await?;
        let has_older = events.len() > PAGE as usize;
        events.truncate(PAGE as usize);
        let older = has_older.then(|| events.last().map(|event| event.sequence)).flatten();
        Ok(AuditView { events, older, is_older_page: before.is_some() })
    }

    /// A piece of an export: events newer than `after`, oldest first. The last piece is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export_audit_log(&self, query: &AuditQuery, after: i64) -> Result<Vec<Event>, Error> {
        self.db().events_after(query, after, PIECE).await
    }

    /// Writes down that somebody takes a part of the log away.
    ///
    /// # Errors
    /// When the database fails: then nothing is handed out.
    pub async fn begin_export(&self, who: &Session, what: &str) -> Result<(), Error> {
        who.require(Stage::Full)?;
        self.record(Entry::done(self.now(), who.actor(), Action::AuditExport).with(what)).await
    }

    /// Writes down a refused attempt: a commit of its own, since what it tells left nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Error> {
        let entry = &entry;
        self.db().write(|tx| async move { tx.commit(entry.clone()).await }).await
    }
}
