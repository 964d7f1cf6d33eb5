//! What a request asked for, resolved once, and its line in the journal.

use super::Call;
use crate::Error;
use crate::base::error::ServicesError;
use crate::data::Data;
use crate::data::access::{Caller, KnownScope};
use domain::audit::event::Outcome;
use domain::data::operation::{AuditNote, DataEvent, Deed, Operation};
use std::sync::Arc;

/// What is asked for is written down so long.
const SCOPE_TEXT: usize = 64;

/// The scope that a call asks for. Resolved once: an alias may move while the work is done.
pub(super) struct Asked {
    /// Its own name, so that whoever searches for a scope finds what was asked under an alias of it; what was asked for
    /// where there is no such scope, and then nothing in it looks like one that there is.
    pub text: Arc<str>,
    /// The scope, if the caller may know of it.
    pub scope: Result<Arc<KnownScope>, Error>,
}

impl Asked {
    /// The scope, if the caller may do this there.
    pub fn allowed(
        self,
        caller: &Caller,
        operation: Operation,
    ) -> (Arc<str>, Result<Arc<KnownScope>, Error>) {
        let scope = self.scope.and_then(|scope| match caller.may(operation) {
            true => Ok(scope),
            false => Err(Error::Services(ServicesError::NotAllowed(operation))),
        });
        (self.text, scope)
    }
}

/// What was done.
pub(super) struct Done {
    pub deed: Deed,
    pub items: u32,
    pub failed: u32,
    pub versions: Vec<u32>,
    /// What a client reports, where it does.
    pub event: Option<String>,
    /// Tenant secrets that were made for it.
    pub made: u32,
}

impl Done {
    pub fn new(deed: Deed, items: usize) -> Self {
        Self { deed, items: count(items), failed: 0, versions: vec![], event: None, made: 0 }
    }

    /// A request of which nothing was done. One for nothing can be refused, too.
    pub fn nothing(deed: Deed, items: usize) -> Self {
        let done = Self::new(deed, items);
        Self { failed: done.items.max(1), ..done }
    }
}

/// As many as a line of the journal can say.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Data {
    /// What a text names: `production/DE`, or an alias.
    pub(super) async fn asked(&self, caller: &Caller, text: &str) -> Asked {
        let (name, scope) = self.access.scope_for(caller, text).await;
        let unknown =
            || text.chars().take(SCOPE_TEXT).flat_map(char::escape_default).collect::<String>().into();
        Asked { text: name.unwrap_or_else(unknown), scope }
    }

    /// Writes down what was done before anybody is told.
    ///
    /// # Errors
    /// [`AuditError::Journal`]; [`Error::Busy`] when the caller's key said more lately than there is room for.
    pub(super) async fn write_down(
        &self,
        call: &Call,
        scope: Arc<str>,
        done: Done,
        why: Option<&Error>,
    ) -> Result<(), Error> {
        self.write_all_down(call, vec![(scope, done)], why).await
    }

    /// Several lines of one request, which say the same of how it ended.
    ///
    /// # Errors
    /// As [`Data::write_down`].
    pub(super) async fn write_all_down(
        &self,
        call: &Call,
        lines: Vec<(Arc<str>, Done)>,
        why: Option<&Error>,
    ) -> Result<(), Error> {
        let of_events: usize =
            lines.iter().filter_map(|(_, done)| done.event.as_ref()).map(String::len).sum();
        let has_room = call.caller.may_tell(lines.len() * call.told.weight() + of_events);
        for (scope, done) in lines {
            self.write_line(call, scope, done, why, has_room).await?;
        }
        if has_room { Ok(()) } else { Err(Error::Busy) }
    }

    async fn write_line(
        &self,
        call: &Call,
        scope: Arc<str>,
        done: Done,
        why: Option<&Error>,
        has_room: bool,
    ) -> Result<(), Error> {
        let Done { deed, items, failed, versions, event, made } = done;
        let (why, failed, event, told) = match has_room {
            true => (why, failed, event, call.told.bounded()),
            false => (Some(&Error::Busy), items.max(1), None, AuditNote::default()),
        };
        let event = DataEvent {
            at: self.vault.now(),
            who: call.caller.name().to_owned(),
            key: call.caller.seen(),
            door: call.door,
            deed,
            scope: scope.to_string(),
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
