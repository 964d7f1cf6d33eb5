//! Rekey: wraps the data key of one scope for another. Each of the two scopes gets its line in the journal.

use super::record::Done;
use super::{Call, DEK, ToOpen, Wrapped, edek, read_edeks};
use crate::Error;
use crate::base::refused::Refused;
use crate::data::Data;
use crate::data::access::KnownScope;
use domain::data::operation::{Deed, Operation};
use std::sync::Arc;

impl Data {
    /// Unwraps a data key in the scope of the call, and wraps it with the newest version of `to`, which may be the same scope.
    ///
    /// # Errors
    /// As [`Data::encrypt`], for either scope; when the EDEK does not open.
    pub async fn rekey(
        &self,
        call: &Call,
        to: &str,
        item: Result<ToOpen, Refused>,
    ) -> Result<Wrapped, Error> {
        let caller = &call.caller;
        let (from, source) = self.asked(caller, &call.scope).await.allowed(caller, Operation::Unwrap);
        let (into, destination) = self.asked(caller, to).await.allowed(caller, Operation::Wrap);
        let done = self.try_rekey(call, source, destination, item).await;
        let (opened, wrapped) = match &done {
            Ok((opened, wrapped)) => (vec![*opened], vec![wrapped.version]),
            Err(_) => Default::default(),
        };
        let (failed, why) = (u32::from(done.is_err()), done.as_ref().err());
        let line = |versions| Done { failed, versions, ..Done::new(Deed::Rekey, 1) };
        // Names are resolved by now, so the alias and the name of one scope are equal.
        if from == into {
            let mut versions = [opened, wrapped].concat();
            versions.sort_unstable();
            versions.dedup();
            self.write_down(call, from, line(versions), why).await?;
        } else {
            self.write_all_down(call, vec![(from, line(opened)), (into, line(wrapped))], why).await?;
        }
        done.map(|(_, wrapped)| wrapped)
    }

    /// Returns the number of the version that opened the data key, and the data key wrapped again.
    async fn try_rekey(
        &self,
        call: &Call,
        source: Result<Arc<KnownScope>, Error>,
        destination: Result<Arc<KnownScope>, Error>,
        item: Result<ToOpen, Refused>,
    ) -> Result<(u32, Wrapped), Error> {
        // Both rights are checked before anything is opened.
        let (source, to) = (source?, destination?);
        let items = [item];
        let edeks = read_edeks(&source, &items);
        let opened = self.open_all(call, Arc::clone(&source), &edeks, &items).await?;
        let opened = opened.into_iter().next().ok_or(Refused::NotOpened)??;
        let [item] = items;
        let context = item?.context;
        let dek: &[u8; DEK] = opened.bytes.expose().try_into().map_err(|_| Refused::NotADek)?;
        let mut sealed = self
            .seal_all(call, &to, 1, DEK, |ciphers, version, _| {
                Ok((edek::seal(ciphers, version.id, dek, &context), version.number))
            })
            .await?;
        let (edek, version) = sealed.pop().ok_or(Refused::NoKey)??;
        Ok((opened.version, Wrapped { dek: opened.bytes, edek, version }))
    }
}
