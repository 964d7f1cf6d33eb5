//! The second factor: a verification code, compared and spent.

use crate::base::entry::Entry;
use crate::base::error::ChangesError;
use crate::base::log::or_warn;
use crate::changes::Changes;
use crate::changes::throttle::{RIGHT_TRY, TryKind};
use crate::changes::totp;
use crate::changes::totp::Seed;
use crate::store::Tx;
use crate::store::users::User;
use crate::vault::envelope::Purpose;
use crate::vault::envelope::SealContext;
use crate::{Error, SecretText, Session};
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
    /// [`ChangesError::WrongCode`]; [`ChangesError::Blocked`] or [`ChangesError::CodesExhausted`] after too
    /// many tries. All of them are in the audit log.
    pub(crate) async fn spend_code(
        &self,
        session: &Session,
        code: &SecretText,
        action: Action,
        place: &str,
    ) -> Result<(), Error> {
        // With a wrong clock a right code would count as a failure, so this check comes before the count.
        self.vault.require_clock()?;
        let user = self.vault.person(session.user()?).await?;
        let refused = || Entry::refused(self.vault.now(), session.actor(), action).at_place(place);
        let tried = match self.begin_code(session, &user, code, TryKind::Code).await {
            Ok(tried) => tried,
            Err(error) => {
                // Somebody with a session is refused here, so this is an event, unlike a stranger's blocked attempt.
                return self.vault.db().refuse(error, refused()).await;
            }
        };
        let now = self.vault.now();
        let seed = self.open_seed(&user)?;
        let step = seed.and_then(|seed| seed.matching_step(code, now));
        let is_first = match step {
            Some(step) => {
                let id = user.id();
                self.vault
                    .db()
                    .write(|mut tx| async move {
                        let is_first = tx.users().spend_step(id, step, totp::step(now)).await?;
                        tx.commit_unaudited("a code is spent before what it confirms").await?;
                        Ok(is_first)
                    })
                    .await?
            }
            None => false,
        };
        // `tried` is not cleared here, so a code that was used before counts as a failure, too.
        if !is_first {
            let why = match step {
                Some(_) => "verification code used before",
                None => "wrong verification code",
            };
            self.vault.db().record(refused().with(why)).await?;
            return Err(Error::Changes(ChangesError::WrongCode {
                next_in_seconds: totp::next_in_seconds(now),
            }));
        }
        // The code is spent: what it confirms happens also when its failures stay counted.
        or_warn(self.clear_tries(tried).await, RIGHT_TRY);
        Ok(())
    }
}
