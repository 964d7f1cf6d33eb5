//! Changes: prepared, reviewed, confirmed.
//!
//! "Next" prepares: the command is sealed and stored, bound to person and session, for five
//! minutes. The verification code confirms: exactly what was stored is executed, once.

use crate::base::entry::Entry;
use crate::base::error::ChangesError;
use crate::base::random;
use crate::changes::Changes;
use crate::changes::authority::{Authorised, Sensitive};
use crate::store::changes::Binding;
use crate::vault::envelope::{Place, Purpose};
use crate::{Error, SecretText, Session, Stage};
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::id::ChangeId;
use zeroize::Zeroizing;

/// So long a prepared change waits for its code.
const WAITS: TimeDelta = TimeDelta::minutes(5);

/// So many of an administrator's changes wait at a time; the oldest fall away.
const MOST_WAITING: i64 = 50;

/// A change that waits for its code.
pub struct Prepared<C> {
    pub id: ChangeId,
    pub command: C,
    pub expires_at: DateTime<Utc>,
}

fn place(bound: &Binding) -> Place<'_> {
    Place {
        table: "prepared_change",
        column: bound.kind,
        row: bound.id.0.as_bytes(),
        scope: bound.session.0.as_bytes(),
        number: 0,
    }
}

fn binding<C: Sensitive>(who: &Session, id: ChangeId) -> Result<Binding, Error> {
    who.require(Stage::Full)?;
    Ok(Binding { id, session: who.id, user: who.user()?, kind: C::KIND })
}

impl Changes {
    /// Stores a command until its code is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it would change somebody else's account.
    pub async fn prepare<C: Sensitive>(&self, who: &Session, command: &C) -> Result<ChangeId, Error> {
        let bound = binding::<C>(who, ChangeId(random::uuid()))?;
        if command.account().is_some_and(|account| account != bound.user) {
            return Err(Error::NotFound);
        }
        let plain =
            serde_json::to_vec(command).map_err(|_| Error::Fault("a change cannot be written".into()))?;
        let sealed = self.vault.keyring().seal(Purpose::Session, place(&bound), &Zeroizing::new(plain));
        let now = self.vault.now();
        let sealed = &sealed;
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.changes().insert(bound, sealed, now, now + WAITS).await?;
                tx.changes().keep_latest(bound.user, MOST_WAITING).await?;
                tx.commit_unaudited("a prepared change changes nothing yet").await
            })
            .await?;
        Ok(bound.id)
    }

    /// The change as it waits, to show what will happen.
    ///
    /// # Errors
    /// [`ChangesError::ChangeGone`] when it is another session's, of another kind, expired or spent.
    pub async fn prepared<C: Sensitive>(&self, who: &Session, id: ChangeId) -> Result<Prepared<C>, Error> {
        let bound = binding::<C>(who, id)?;
        let row = self
            .vault
            .db()
            .changes()
            .prepared(bound, self.vault.now())
            .await?
            .ok_or(Error::Changes(ChangesError::ChangeGone))?;
        let plain = self.vault.keyring().open(Purpose::Session, place(&bound), &row.sealed)?;
        let command = serde_json::from_slice(plain.expose())
            .map_err(|_| Error::Fault("a prepared change cannot be read".into()))?;
        Ok(Prepared { id, command, expires_at: row.expires_at })
    }

    /// Spends the code, then the change, and gives the proof that lets its verb run. A command
    /// that is refused afterwards does not give the code back.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`]: the change still waits. [`ChangesError::ChangeGone`]: it does not.
    pub async fn confirm<C: Sensitive>(
        &self,
        who: &Session,
        id: ChangeId,
        code: &SecretText,
    ) -> Result<Authorised<C>, Error> {
        let prepared = self.prepared::<C>(who, id).await?;
        self.spend_code(who, code, C::ACTION, &prepared.command.place()).await?;
        let now = self.vault.now();
        let bound = binding::<C>(who, id)?;
        let is_first = self
            .vault
            .db()
            .write(|mut tx| async move {
                let is_first = tx.changes().spend(bound, now).await?;
                tx.commit_unaudited("the event is the change itself").await?;
                Ok(is_first)
            })
            .await?;
        if !is_first {
            let entry = Entry::refused(now, who.actor(), C::ACTION).at_place(prepared.command.place());
            return self.vault.db().refuse(Error::Changes(ChangesError::ChangeGone), entry).await;
        }
        Ok(Authorised::confirmed(prepared.command, who.actor(), now))
    }
}
