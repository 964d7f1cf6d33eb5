//! The second factor: a verification code, compared and spent.

use crate::base::entry::Entry;
use crate::changes::throttle::Kind;
use crate::changes::totp;
use crate::{Error, Portal, SecretText, Session};
use domain::audit::event::Action;

impl Portal {
    /// Compares a code with the session's administrator and spends it. Counting the try and
    /// spending the step are commits of their own, before whatever the code is for.
    ///
    /// # Errors
    /// [`Error::WrongCode`], or that too many tries were made; both are in the audit log.
    pub(crate) async fn spend_code(
        &self,
        session: &Session,
        code: &SecretText,
        action: Action,
        place: &str,
    ) -> Result<(), Error> {
        self.require_clock()?;
        let user = self.db().users().get(session.user()?).await?;
        let refused =
            |why: &str| Entry::refused(self.now(), session.actor(), action).at_place(place).with(why);
        let tried = match self.begin_try(self.name_subject(&user.email), Kind::Code).await {
            Ok(tried) => tried,
            Err(error) => {
                self.db().record(refused(&error.to_string())).await?;
                return Err(error);
            }
        };
        let now = self.now();
        let seed = self.open_seed(&user)?;
        let step = seed.and_then(|seed| seed.matching_step(code, now));
        let is_first = match step {
            Some(step) => {
                let id = user.id();
                self.db()
                    .write(|mut tx| async move {
                        let is_first = tx.users().spend_step(id, step).await?;
                        tx.commit_unaudited("a code is spent before what it confirms").await?;
                        Ok(is_first)
                    })
                    .await?
            }
            None => false,
        };
        if !is_first {
            self.db()
                .record(refused(if step.is_some() {
                    "verification code used before"
                } else {
                    "wrong verification code"
                }))
                .await?;
            return Err(Error::WrongCode { next_in_seconds: totp::next_in_seconds(now) });
        }
        self.clear_tries(tried).await
    }
}
