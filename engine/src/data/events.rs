//! Reports of services: events of their own product, and operations that they did with cached data keys. Both become lines of
//! the journal. Keystead accepts a report for a scope that is unknown or not the caller's, so that the caller learns nothing
//! from the answer.

use super::Call;
use super::edek::Edek;
use super::record::{Asked, Done};
use crate::Error;
use crate::data::Data;
use domain::data::operation::Deed;
use std::collections::BTreeSet;

/// Operations that a client did with cached data keys.
pub struct Reported {
    pub edeks: Vec<Vec<u8>>,
    pub wraps: u64,
    pub unwraps: u64,
}

impl Data {
    /// Records an event that a service reports.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when it cannot be written.
    pub async fn security_event(&self, call: &Call, event: &str) -> Result<(), Error> {
        let asked = self.asked(&call.caller, &call.scope).await;
        let done = Done { event: Some(event.to_owned()), ..Done::new(Deed::SecurityEvent, 1) };
        self.report(call, asked, done).await
    }

    /// Records operations that a service reports: how many, and the versions of the data keys.
    ///
    /// # Errors
    /// [`AuditError::Journal`] when they cannot be written.
    pub async fn reported_operations(&self, mut call: Call, reported: &Reported) -> Result<(), Error> {
        let mut versions = BTreeSet::new();
        let asked = self.asked(&call.caller, &call.scope).await;
        if let Ok(scope) = &asked.scope {
            let read = reported.edeks.iter().filter_map(|edek| Edek::read(edek).ok());
            versions
                .extend(read.filter_map(|edek| scope.version(edek.version)).map(|version| version.number));
        }
        let counts = [("wraps", reported.wraps), ("unwraps", reported.unwraps)];
        call.told.custom.extend(counts.map(|(name, number)| (name.to_owned(), number.to_string())));
        let versions = versions.into_iter().collect();
        let done = Done { versions, ..Done::new(Deed::Report, reported.edeks.len()) };
        self.report(&call, asked, done).await
    }

    async fn report(&self, call: &Call, asked: Asked, done: Done) -> Result<(), Error> {
        match asked.scope {
            Ok(_) => self.write_down(call, asked.named, done, None).await,
            // The report is recorded all the same, as refused: a service may report on a scope that its key does not reach.
            Err(error @ Error::NotFound) => {
                let done = Done { failed: done.items.max(1), ..done };
                self.write_down(call, asked.named, done, Some(&error)).await
            }
            Err(error) => Err(error),
        }
    }
}
