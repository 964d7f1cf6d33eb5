//! What services report: events of their own product, and operations that they did with keys they had kept. Both become
//! lines of the journal. A scope that is unknown, or not the caller's, is accepted: whoever reports learns nothing from it.

use super::edek::Edek;
use super::{Call, Done, count};
use crate::{Error, Portal};
use domain::data::Deed;
use std::collections::BTreeSet;

/// Operations that a client did with data keys it had kept.
pub struct Reported {
    pub edeks: Vec<Vec<u8>>,
    pub wraps: u64,
    pub unwraps: u64,
}

impl Portal {
    /// Writes down an event that a service reports.
    ///
    /// # Errors
    /// [`Error::Journal`] when it cannot be written.
    pub async fn security_event(&self, call: &Call, event: &str) -> Result<(), Error> {
        self.report(call, Deed::SecurityEvent, 1, vec![], Some(event.to_owned())).await
    }

    /// Writes down operations that a service reports: how many, and the versions of the data keys.
    ///
    /// # Errors
    /// [`Error::Journal`] when they cannot be written.
    pub async fn reported_operations(&self, mut call: Call, reported: &Reported) -> Result<(), Error> {
        let mut versions = BTreeSet::new();
        if let Ok(scope) = self.scope_asked(&call).await {
            let read = reported.edeks.iter().filter_map(|edek| Edek::read(edek).ok());
            versions
                .extend(read.filter_map(|edek| scope.version(edek.version)).map(|version| version.number));
        }
        let counts = [("wraps", reported.wraps), ("unwraps", reported.unwraps)];
        call.told.custom.extend(counts.map(|(name, number)| (name.to_owned(), number.to_string())));
        let items = count(reported.edeks.len());
        self.report(&call, Deed::Report, items, versions.into_iter().collect(), None).await
    }

    async fn report(
        &self,
        call: &Call,
        deed: Deed,
        items: u32,
        versions: Vec<u32>,
        event: Option<String>,
    ) -> Result<(), Error> {
        let known = match self.scope_asked(call).await {
            Ok(_) => Ok(()),
            // It is written down all the same; the line says that the scope was not the caller's.
            Err(Error::NotFound) => Err(Error::NotFound),
            Err(error) => return Err(error),
        };
        let done = Done { deed, items, failed: 0, versions, event };
        self.write_down(call, done, known.err().as_ref()).await
    }
}
