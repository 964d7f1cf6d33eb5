//! Notes that a session keeps sealed for a short time: secrets typed into a refused form, a seed that
//! is not proved yet, recovery codes that are still to be shown.

use crate::base::log::or_warn;
use crate::store::Tx;
use crate::vault::envelope::{Purpose, SealContext};
use crate::vault::opened::Vault;
use crate::{Error, SecretBytes, SecretText, Session};
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::id::SessionId;
use domain::overview::frame::Flash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Time after which a note expires.
const KEPT: TimeDelta = TimeDelta::minutes(15);
const FLASH: &str = "flash";

fn place<'a>(session: &'a SessionId, kind: &'a str, revision: i64) -> SealContext<'a> {
    let number = revision.unsigned_abs();
    SealContext {
        table: "session_note",
        column: kind,
        row: session.0.as_bytes(),
        number,
        ..SealContext::default()
    }
}

/// Time for which a status message waits for its page: the browser is led there at once.
const LED: TimeDelta = TimeDelta::minutes(1);
/// Maximum number of status messages that wait in one session; a further one takes the place of the oldest.
const MESSAGES: usize = 5;

/// A status message, and the page that it waits for.
#[derive(Serialize, Deserialize)]
struct Waiting {
    page: String,
    until: DateTime<Utc>,
    flash: Flash,
}

fn without_query(page: &str) -> &str {
    page.split(['?', '#']).next().unwrap_or_default()
}

/// What is kept sealed for a short time: the notes of all sessions, answers (`answered`) and drafts (`draft`).
#[derive(Clone)]
pub struct Notes {
    pub(super) vault: Vault,
}

impl Notes {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    pub(crate) async fn put(
        &self,
        tx: &mut Tx,
        session: SessionId,
        kind: &'static str,
        plain: &[u8],
    ) -> Result<(), Error> {
        let revision = tx.revisions().next(session.0, kind).await?;
        let sealed = self.vault.keyring().seal(Purpose::Session, place(&session, kind, revision), plain);
        tx.sessions().put_note(session, kind, &sealed, self.vault.now() + KEPT).await
    }

    pub(crate) async fn get(
        &self,
        session: SessionId,
        kind: &'static str,
    ) -> Result<Option<SecretBytes>, Error> {
        let Some(row) = self.vault.db().sessions().note(session, kind, self.vault.now()).await? else {
            return Ok(None);
        };
        self.vault
            .keyring()
            .open(Purpose::Session, place(&session, kind, row.revision), &row.sealed)
            .map(Some)
    }

    /// Keeps the secrets that a person typed into a refused form, so that they need not type them again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(
        &self,
        session: &Session,
        form: &'static str,
        secrets: &[(&str, &SecretText)],
    ) -> Result<(), Error> {
        // A page marks the fields of this map as kept, so an empty text is left out.
        // An empty map is stored all the same: it replaces the secrets that were kept before.
        let map: BTreeMap<&str, &str> = secrets
            .iter()
            .filter(|(_, secret)| !secret.is_empty())
            .map(|(field, secret)| (*field, secret.expose()))
            .collect();
        let plain = Zeroizing::new(
            serde_json::to_vec(&map).map_err(|_| Error::Fault("a form cannot be kept".into()))?,
        );
        let plain = &plain;
        self.vault
            .db()
            .write(|mut tx| async move {
                self.put(&mut tx, session.id, form, plain).await?;
                tx.commit_unaudited("secrets of a refused form are kept sealed").await
            })
            .await
    }

    /// Returns the secrets kept for a form.
    ///
    /// # Errors
    /// When the database fails or the note was changed.
    pub async fn kept(
        &self,
        session: &Session,
        form: &'static str,
    ) -> Result<BTreeMap<String, SecretText>, Error> {
        match self.get(session.id, form).await? {
            Some(plain) => serde_json::from_slice(plain.expose())
                .map_err(|_| Error::Fault("a kept form cannot be read".into())),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Keeps a status message for the page at an address, where the person is led. The action that it reports is done
    /// already, so a message that cannot be kept is no failure.
    pub async fn put_flash(&self, session: &Session, page: &str, message: &str) {
        self.keep_flash(session, page, Flash { message: message.to_owned(), warns: false }).await;
    }

    /// Keeps a warning for the page at an address.
    pub async fn put_warning(&self, session: &Session, page: &str, message: &str) {
        self.keep_flash(session, page, Flash { message: message.to_owned(), warns: true }).await;
    }

    async fn keep_flash(&self, session: &Session, page: &str, flash: Flash) {
        let page = without_query(page).to_owned();
        // Messages of other tabs wait as well.
        let mut all = self.waiting(session).await.unwrap_or_default();
        all.retain(|other| other.page != page);
        all.drain(..(all.len() + 1).saturating_sub(MESSAGES));
        all.push(Waiting { page, until: self.vault.now() + LED, flash });
        let plain = &serde_json::to_vec(&all).unwrap_or_default();
        let kept = self.vault.db().write(|mut tx| async move {
            self.put(&mut tx, session.id, FLASH, plain).await?;
            tx.commit_unaudited("a status message waits for its page").await
        });
        or_warn(kept.await, "a status message could not be stored");
    }

    /// Returns the status messages that wait. A note of an earlier release cannot be read, and has none.
    async fn waiting(&self, session: &Session) -> Result<Vec<Waiting>, Error> {
        let note = self.get(session.id, FLASH).await?;
        let all = note.and_then(|note| serde_json::from_slice::<Vec<Waiting>>(note.expose()).ok());
        let now = self.vault.now();
        Ok(all.unwrap_or_default().into_iter().filter(|waiting| waiting.until > now).collect())
    }

    /// Returns the status message that waits for the page at an address, and takes it away. Other pages, which the person may open
    /// in another tab meanwhile, do not get it. The message is shown once; it is shown again only while the database cannot be
    /// written.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn take_flash(&self, session: &Session, page: &str) -> Result<Option<Flash>, Error> {
        let mut all = self.waiting(session).await?;
        let here = all.iter().position(|waiting| waiting.page == without_query(page));
        let taken = here.map(|at| all.remove(at).flash);
        if taken.is_none() && !all.is_empty() {
            return Ok(None);
        }
        let plain = &serde_json::to_vec(&all).unwrap_or_default();
        let is_last = all.is_empty();
        let written = self.vault.db().write(|mut tx| async move {
            if is_last {
                tx.sessions().delete_note(session.id, FLASH).await?;
            } else {
                self.put(&mut tx, session.id, FLASH, plain).await?;
            }
            tx.commit_unaudited("a status message is shown once").await
        });
        or_warn(written.await, "a status message could not be deleted after it was shown");
        Ok(taken)
    }
}
