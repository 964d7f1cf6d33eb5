//! The first answer for a request that is sent twice. A code works once, so the second of two equal requests that carry it can only
//! come from a double click, or from a password manager that types twice: the browser then shows what became of the second. For ten
//! seconds it gets the answer of the first, from any server. No code is compared again.

use crate::changes::notes::Notes;
use crate::store::Tx;
use crate::store::answers::AnswerRow;
use crate::vault::envelope::{Purpose, SealContext};
use crate::vault::opened::AHEAD;
use crate::{Error, SecretBytes, SecretText};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Time for which an answer is kept, from the arrival of the first request.
const KEPT: TimeDelta = TimeDelta::seconds(10);

/// A hash over a whole request and the token that came with it. Only who has the token can make the same again.
#[derive(Clone)]
pub struct Asked([u8; 32]);

impl Asked {
    pub fn of(token: &SecretText, address: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [token.expose().as_bytes(), address.as_bytes(), body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    fn place(&self, begun_at: DateTime<Utc>) -> SealContext<'_> {
        SealContext {
            table: "answer",
            column: "sealed",
            row: &self.0,
            number: begun_at.timestamp_micros().unsigned_abs(),
            ..SealContext::default()
        }
    }
}

/// What is known about a request.
pub enum Known {
    Nothing,
    /// The first one is at work.
    AtWork,
    Answered(SecretBytes),
}

/// A request that was the first to ask. It owes an answer.
pub struct First {
    asked: Asked,
    begun_at: DateTime<Utc>,
}

impl Notes {
    /// Looks up the answer of an equal request.
    ///
    /// # Errors
    /// When the database fails, or somebody changed the answer.
    pub async fn known(&self, asked: &Asked) -> Result<Known, Error> {
        let now = self.vault.now();
        let row = self.vault.db().answers().of(&asked.0).await?;
        match row.filter(|row| row.created_at > now - KEPT && row.created_at <= now + AHEAD) {
            None => Ok(Known::Nothing),
            Some(AnswerRow { sealed: None, .. }) => Ok(Known::AtWork),
            Some(AnswerRow { created_at, sealed: Some(sealed) }) => {
                let opened = self.vault.keyring().open(Purpose::Session, asked.place(created_at), &sealed)?;
                Ok(Known::Answered(opened))
            }
        }
    }

    /// Notes that a request is at work. Returns `None` when an equal one was noted before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_answer(&self, asked: &Asked) -> Result<Option<First>, Error> {
        let now = self.vault.now();
        let is_first = self.vault.db().write(|mut tx| async move {
            self.sweep_answers(&mut tx, now).await?;
            let is_first = tx.answers().begin(&asked.0, now).await?;
            tx.commit_unaudited("a request with a code is at work").await?;
            Ok(is_first)
        });
        Ok(is_first.await?.then(|| First { asked: asked.clone(), begun_at: now }))
    }

    pub(crate) async fn sweep_answers(&self, tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
        tx.answers().sweep(now - KEPT, now + AHEAD).await
    }

    /// Keeps the answer for equal requests; without one, an equal request is as the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_answer(&self, first: First, answer: Option<SecretBytes>) -> Result<(), Error> {
        let First { asked, begun_at } = &first;
        let sealed = answer.map(|answer| {
            self.vault.keyring().seal(Purpose::Session, asked.place(*begun_at), answer.expose())
        });
        let sealed = sealed.as_deref();
        self.vault
            .db()
            .write(|mut tx| async move {
                match sealed {
                    Some(sealed) => tx.answers().put(&asked.0, *begun_at, sealed).await?,
                    None => tx.answers().forget(&asked.0, *begun_at).await?,
                }
                tx.commit_unaudited("an answer is kept for ten seconds").await
            })
            .await
    }
}
