//! The second factor: a verification code, compared and spent.

use crate::base::entry::{Entry, Place};
use crate::base::error::ChangesError;
use crate::base::log::or_warn;
use crate::changes::Changes;
use crate::changes::throttle::{RIGHT_TRY, TryKind};
use crate::changes::totp;
use crate::changes::totp::{Found, Seed};
use crate::store::Tx;
use crate::store::users::User;
use crate::vault::envelope::Purpose;
use crate::vault::envelope::SealContext;
use crate::{Error, SecretText, Session};
use chrono::{DateTime, Utc};
use domain::audit::event::Action;
use domain::base::id::UserId;

const SEED: &str = "totp_seed";

fn seed_place(user: &UserId, revision: i64) -> SealContext<'_> {
    let number = revision.unsigned_abs();
    SealContext {
        table: "administrator",
        column: SEED,
        row: user.0.as_bytes(),
        number,
        ..SealContext::default()
    }
}

impl Changes {
    /// Seals a seed that is about to be stored.
    pub(crate) async fn seal_seed(&self, tx: &mut Tx, user: UserId, seed: &Seed) -> Result<Vec<u8>, Error> {
        let revision = tx.revisions().next(user.0, SEED).await?;
        Ok(self.vault.keyring().seal(Purpose::TotpSeed, seed_place(&user, revision), seed.expose()))
    }

    pub(crate) fn open_seed(&self, user: &User) -> Result<Option<Seed>, Error> {
        let Some(sealed) = &user.totp_seed else { return Ok(None) };
        let id = user.id();
        let place = seed_place(&id, user.seed_revision);
        self.vault.keyring().open(Purpose::TotpSeed, place, sealed).map(Seed::from_bytes).map(Some)
    }

    /// Compares a code with those of the session's administrator and spends it. Counting the try and
    /// spending the step are commits of their own, before the action that the code is for.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`]; [`ChangesError::CodeOfAnotherTime`]; [`ChangesError::Blocked`] or
    /// [`ChangesError::CodesExhausted`] after too many tries. All of them are in the audit log.
    pub(crate) async fn spend_code(
        &self,
        session: &Session,
        code: &SecretText,
        action: Action,
        place: &Place,
    ) -> Result<(), Error> {
        // With a wrong clock a right code would count as a failure, so this check comes before the count.
        self.vault.require_clock()?;
        let user = self.vault.person(session.user()?).await?;
        let refused = || Entry::refused(self.vault.now(), session.actor(), action).at_place(place.clone());
        let tried = match self.begin_code(session, &user, code, TryKind::Code).await {
            Ok(tried) => tried,
            Err(error) => {
                // Somebody with a session is refused here, so this is an event, unlike a stranger's blocked attempt.
                return self.vault.db().refuse(error, refused()).await;
            }
        };
        let now = self.vault.now();
        let id = user.id();
        let found = self.open_seed(&user)?.map_or(Found::Nowhere, |seed| seed.find(code, now));
        let is_right = match found {
            Found::Near(step) => self.spend_step(id, step, now).await?,
            Found::Far(step) => self.name_step(id, step, now).await?,
            Found::Nowhere => false,
        };
        // `tried` is not cleared here, so a code that was used before counts as a failure, too.
        if !is_right {
            return self.refuse_code(found, Some(id), now, refused()).await;
        }
        // The code is spent: what it confirms happens also when its failures stay counted.
        or_warn(self.clear_tries(tried).await, RIGHT_TRY);
        Ok(())
    }

    /// Spends the code of a step. Returns false when this step or a later one was spent before.
    async fn spend_step(&self, id: UserId, step: i64, now: DateTime<Utc>) -> Result<bool, Error> {
        self.vault
            .db()
            .write(|mut tx| async move {
                let is_first = tx.users().spend_step(id, step, totp::step(now)).await?;
                tx.commit_unaudited("a code is spent before what it confirms").await?;
                Ok(is_first)
            })
            .await
    }

    /// Makes ready to say that a code is for another time, and returns false: it confirms nothing. The answer tells a guesser that the
    /// code is right for some step, so a step that is still to come is spent on being named.
    async fn name_step(&self, id: UserId, step: i64, now: DateTime<Utc>) -> Result<bool, Error> {
        if step > totp::step(now) {
            self.vault
                .db()
                .write(|mut tx| async move {
                    tx.users().name_step(id, step).await?;
                    tx.commit_unaudited("a code of the future is spent before it is named").await
                })
                .await?;
        }
        Ok(false)
    }

    /// Compares a code with those of a seed that is not proved yet. Returns its step, which is not spent yet. Whoever is asked for the
    /// code sees the seed on the same page, so naming a step of the future tells them nothing.
    ///
    /// # Errors
    /// [`ChangesError::WrongCode`] or [`ChangesError::CodeOfAnotherTime`], in the audit log as `refused`.
    pub(crate) async fn first_code(
        &self,
        seed: &Seed,
        code: &SecretText,
        now: DateTime<Utc>,
        refused: Entry,
    ) -> Result<i64, Error> {
        match seed.find(code, now) {
            Found::Near(step) => Ok(step),
            found => self.refuse_code(found, None, now, refused).await,
        }
    }

    /// Records the refusal of a code and returns it, with the time until the next code that can be right. After a code of the next
    /// step, from a phone whose clock is a little ahead, that is the one after it.
    async fn refuse_code<T>(
        &self,
        found: Found,
        spent_by: Option<UserId>,
        now: DateTime<Utc>,
        refused: Entry,
    ) -> Result<T, Error> {
        let why = match found {
            Found::Near(_) => "verification code used before",
            Found::Far(_) => "verification code of another time",
            Found::Nowhere => "wrong verification code",
        };
        self.vault.db().record(refused.with(why)).await?;
        if matches!(found, Found::Far(_)) {
            return Err(Error::Changes(ChangesError::CodeOfAnotherTime));
        }
        let present = totp::step(now);
        let spent = match spent_by {
            Some(id) => self.vault.db().users().latest_step(id, present + 1).await?,
            None => None,
        };
        let last = spent.map_or(present, |spent| spent.max(present));
        let next_in_seconds = totp::over_in_seconds(last, now);
        Err(Error::Changes(ChangesError::WrongCode { next_in_seconds }))
    }
}
