//! The scope that a request names, resolved once, and the request's line in the journal.

use super::Call;
use crate::Error;
use crate::base::error::ServicesError;
use crate::data::Data;
use crate::data::access::{Caller, KnownScope};
use domain::audit::event::Outcome;
use domain::base::id::ScopeId;
use domain::data::operation::{AuditNote, DataEvent, Deed, Operation};
use std::sync::Arc;

/// Maximum characters of a text that names no scope, in the journal.
const SCOPE_TEXT: usize = 64;

/// The scope of a line in the journal.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The scope's own name, so that a search for the scope finds requests under an alias of it. Where the text names no scope,
    /// it is the text, escaped so that it does not look like an existing scope.
    pub text: Arc<str>,
    /// The scope's id, if the caller may know of it.
    pub id: Option<ScopeId>,
}

/// The scope that a call names. It is resolved once, because an alias may move while the work is done.
pub(super) struct Asked {
    pub named: Named,
    /// The scope, if the caller may know of it.
    pub scope: Result<Arc<KnownScope>, Error>,
}

impl Asked {
    /// Returns the scope if the caller may perform the operation there.
    pub fn allowed(self, caller: &Caller, operation: Operation) -> (Named, Result<Arc<KnownScope>, Error>) {
        // A scope that the key does not reach stays `NotFound`; "not allowed" would reveal that it exists.
        let scope = self.scope.and_then(|scope| match caller.may(operation) {
            true => Ok(scope),
            false => Err(Error::Services(ServicesError::NotAllowed(operation))),
        });
        (self.named, scope)
    }
}

/// The result of a request, for the journal.
pub(super) struct Done {
    pub deed: Deed,
    pub items: u32,
    pub failed: u32,
    pub versions: Vec<u32>,
    /// The event that a client reports, if it does.
    pub event: Option<String>,
    /// Number of tenant secrets made for the request.
    pub made: u32,
}

impl Done {
    pub fn new(deed: Deed, items: usize) -> Self {
        Self { deed, items: count(items), failed: 0, versions: vec![], event: None, made: 0 }
    }

    /// Returns the result of a request of which nothing was done. A request without items can be refused, too.
    pub fn nothing(deed: Deed, items: usize) -> Self {
        let done = Self::new(deed, items);
        Self { failed: done.items.max(1), ..done }
    }
}

/// Converts a number to at most the maximum that a line of the journal can hold.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Data {
    /// Resolves a text: `production/DE`, or an alias.
    pub(super) async fn asked(&self, caller: &Caller, text: &str) -> Asked {
        let (name, scope) = self.access.scope_for(caller, text).await;
        let unknown =
            || text.chars().take(SCOPE_TEXT).flat_map(char::escape_default).collect::<String>().into();
        let id = scope.as_ref().ok().map(|scope| scope.id);
        Asked { named: Named { text: name.unwrap_or_else(unknown), id }, scope }
    }

    /// Records what was done, before the caller gets an answer.
    ///
    /// # Errors
    /// [`AuditError::Journal`]; [`Error::Busy`] when the caller's key has lately used up its quota of bytes in the journal.
    pub(super) async fn write_down(
        &self,
        call: &Call,
        scope: Named,
        done: Done,
        why: Option<&Error>,
    ) -> Result<(), Error> {
        self.write_all_down(call, vec![(scope, done)], why).await
    }

    /// Records several lines of one request, which share its outcome.
    ///
    /// # Errors
    /// As [`Data::write_down`].
    pub(super) async fn write_all_down(
        &self,
        call: &Call,
        lines: Vec<(Named, Done)>,
        why: Option<&Error>,
    ) -> Result<(), Error> {
        let of_events: usize =
            lines.iter().filter_map(|(_, done)| done.event.as_ref()).map(String::len).sum();
        // Every line repeats the note of the request, so each counts it.
        let has_room = call.caller.may_tell(lines.len() * call.told.weight() + of_events);
        for (scope, done) in lines {
            self.write_line(call, scope, done, why, has_room).await?;
        }
        if has_room { Ok(()) } else { Err(Error::Busy) }
    }

    async fn write_line(
        &self,
        call: &Call,
        scope: Named,
        done: Done,
        why: Option<&Error>,
        has_room: bool,
    ) -> Result<(), Error> {
        let Done { deed, items, failed, versions, event, made } = done;
        let (why, failed, event, told) = match has_room {
            true => (why, failed, event, call.told.bounded()),
            // The line is always written, because it records work. The caller gets no result, so all items count as failed.
            false => (Some(&Error::Busy), items.max(1), None, AuditNote::default()),
        };
        let event = DataEvent {
            at: self.vault.now(),
            who: call.caller.name().to_owned(),
            key: call.caller.seen(),
            door: call.door,
            deed,
            scope: scope.text.to_string(),
            scope_id: scope.id,
            versions,
            items,
            failed,
            outcome: if failed > 0 && failed >= items { Outcome::Refused } else { Outcome::Done },
            code: why.map(|error| error.word().to_owned()),
            address: call.caller.address.to_string(),
            event,
            made,
            told,
        };
        self.audit.journal()?.append(&event).await
    }
}
