//! Changes: prepared, reviewed, confirmed.
//!
//! "Next" prepares: Keystead seals and stores the command for five minutes, bound to person and
//! session. The verification code confirms: Keystead executes exactly the stored command, once.

use crate::base::entry::Entry;
use crate::base::error::ChangesError;
use crate::base::random;
use crate::changes::Changes;
use crate::changes::authority::{Authorised, Sensitive};
use crate::store::changes::Binding;
use crate::vault::envelope::{Purpose, SealContext};
use crate::{Error, SecretBytes, SecretText, Session, Stage};
use chrono::{DateTime, TimeDelta, Utc};
use domain::base::id::ChangeId;
use zeroize::Zeroizing;

/// Time after which a prepared change expires.
const WAITS: TimeDelta = TimeDelta::minutes(5);

/// Maximum number of waiting changes of an administrator; the oldest are deleted.
const MOST_WAITING: i64 = 50;

/// A change that waits for its code, opened and with its command read.
pub struct Prepared<C> {
    pub command: C,
    pub expires_at: DateTime<Utc>,
    bound: Binding,
}

/// An opened change whose command is not read yet.
pub(crate) struct Opened {
    pub kind: String,
    plain: SecretBytes,
    expires_at: DateTime<Utc>,
    bound: Binding,
}

impl Opened {
    /// # Errors
    /// [`ChangesError::ChangeGone`] when the change is of another kind.
    pub(crate) fn read<C: Sensitive>(&self) -> Result<Prepared<C>, Error> {
        // Commands of two kinds may have the same JSON, as CreateKey and RotateKey do.
        if self.kind != C::KIND {
            return Err(Error::Changes(ChangesError::ChangeGone));
        }
        // The seal proves that Keystead wrote it. Another release did, if it does not read.
        let command = serde_json::from_slice(self.plain.expose())
            .map_err(|_| Error::Changes(ChangesError::ChangeGone))?;
        Ok(Prepared { command, expires_at: self.expires_at, bound: self.bound })
    }
}

/// The place of a stored change. Kind, session, person and end are part of the seal, so a row in which somebody changed them does
/// not open.
struct Place([u8; 32]);

impl Place {
    fn of(bound: &Binding) -> Self {
        let mut owner = [0; 32];
        owner[..16].copy_from_slice(bound.session.0.as_bytes());
        owner[16..].copy_from_slice(bound.user.0.as_bytes());
        Self(owner)
    }

    fn context<'a>(
        &'a self,
        bound: &'a Binding,
        kind: &'a str,
        expires_at: DateTime<Utc>,
    ) -> SealContext<'a> {
        SealContext {
            table: "prepared_change",
            column: kind,
            row: bound.id.0.as_bytes(),
            scope: &self.0,
            // PostgreSQL keeps microseconds.
            number: expires_at.timestamp_micros().unsigned_abs(),
        }
    }
}

/// Returns the column of the revision that a change has while it waits. It ends with the change, so that a row that was put back
/// opens nothing, and it is deleted with the session.
fn waiting(bound: &Binding) -> String {
    format!("change {}", bound.id.0)
}

fn binding(who: &Session, id: ChangeId) -> Result<Binding, Error> {
    who.require(Stage::Full)?;
    Ok(Binding { id, session: who.id, user: who.user()? })
}

impl Changes {
    /// Seals and stores a command until a code confirms it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the command would change another administrator's account.
    pub async fn prepare<C: Sensitive>(&self, who: &Session, command: &C) -> Result<ChangeId, Error> {
        let bound = binding(who, ChangeId(random::uuid()))?;
        if command.account().is_some_and(|account| account != bound.user) {
            return Err(Error::NotFound);
        }
        let plain =
            serde_json::to_vec(command).map_err(|_| Error::Fault("a change cannot be written".into()))?;
        let now = self.vault.now();
        let (place, ends) = (Place::of(&bound), now + WAITS);
        let context = place.context(&bound, C::KIND, ends);
        let sealed = &self.vault.keyring().seal(Purpose::Session, context, &Zeroizing::new(plain));
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.changes().insert(bound, C::KIND, sealed, now, ends).await?;
                tx.revisions().next(bound.session.0, &waiting(&bound)).await?;
                tx.changes().keep_latest(bound.user, MOST_WAITING).await?;
                tx.commit_unaudited("a prepared change changes nothing yet").await
            })
            .await?;
        Ok(bound.id)
    }

    /// Opens a waiting change of any kind.
    ///
    /// # Errors
    /// [`ChangesError::ChangeGone`] when the change belongs to another session, is expired or spent.
    pub(crate) async fn open(&self, who: &Session, id: ChangeId) -> Result<Opened, Error> {
        self.open_bound(binding(who, id)?).await
    }

    pub(crate) async fn open_bound(&self, bound: Binding) -> Result<Opened, Error> {
        let row = self.vault.db().changes().prepared(bound, self.vault.now()).await?;
        let row = row.ok_or(Error::Changes(ChangesError::ChangeGone))?;
        if self.vault.db().revisions().of(bound.session.0, &waiting(&bound)).await? == 0 {
            return Err(Error::Changes(ChangesError::ChangeGone));
        }
        let place = Place::of(&bound);
        let context = place.context(&bound, &row.kind, row.expires_at);
        let plain = self.vault.keyring().open(Purpose::Session, context, &row.sealed)?;
        Ok(Opened { kind: row.kind, plain, expires_at: row.expires_at, bound })
    }

    /// Spends the code, then the change, and returns the proof that authorises the command. When the
    /// command is refused afterwards, the code stays spent.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`]: the change still waits. [`ChangesError::ChangeGone`]: it no longer waits.
    pub(crate) async fn confirm<C: Sensitive>(
        &self,
        who: &Session,
        prepared: &Prepared<C>,
        code: &SecretText,
    ) -> Result<Authorised<C>, Error> {
        let Prepared { command, bound, .. } = prepared;
        // The code comes first, because a wrong code must not use up the change.
        // On the heap: the futures of the transactions inside are large.
        Box::pin(self.spend_code(who, code, command.action(), &command.place())).await?;
        let now = self.vault.now();
        let is_first = self
            .vault
            .db()
            .write(|mut tx| async move {
                let is_first = tx.changes().spend(*bound, now).await?
                    && tx.revisions().end(bound.session.0, &waiting(bound)).await?;
                tx.commit_unaudited("the event is the change itself").await?;
                Ok(is_first)
            })
            .await?;
        // `is_first` is also false when the change expired, or its session ended, while Keystead checked the code.
        if !is_first {
            let entry = Entry::refused(now, who.actor(), command.action()).at_place(command.place());
            return self.vault.db().refuse(Error::Changes(ChangesError::ChangeGone), entry).await;
        }
        Ok(Authorised::confirmed(command.clone(), who.actor(), now))
    }
}
