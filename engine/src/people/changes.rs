//! The changes of an administrator's own account: their descriptions and their execution.

use crate::base::email;
use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::people::People;
use crate::{Error, Session};
use domain::base::id::UserId;
use domain::changes::view::{About, Preview, Seen};
use domain::people::command::{ChangePassword, EndSessions, ReplaceAuthenticator, ReplaceRecoveryCodes};

impl Change for ChangePassword {
    type Room = People;

    async fn describe(&self, people: &People) -> Result<Preview, Error> {
        let effects = sentences([
            "You sign in with the new password from now on.",
            "All your other sessions are signed out.",
        ]);
        let about = people.about(self.user).await?;
        Ok(Preview::new("Change password", "Change password", about, effects))
    }

    async fn execute(people: &People, proof: Authorised<Self>, who: &Session) -> Result<Outcome, Error> {
        let session = people.change_password(proof, who).await?;
        let message = "Password changed. All your other sessions are signed out.";
        Ok(Outcome { session: Some(session), ..Outcome::new(Seen::Profile, message) })
    }
}

impl Change for EndSessions {
    type Room = People;

    async fn describe(&self, people: &People) -> Result<Preview, Error> {
        let effect = match self.only {
            None => "All your other sessions are signed out.".to_owned(),
            Some(id) => {
                let row = people.session_of(self.user, id).await?;
                format!("The session of {} at {} is signed out.", row.agent, row.address)
            }
        };
        let about = people.about(self.user).await?;
        Ok(Preview::new("Sign out sessions", "Sign out", about, vec![effect]))
    }

    async fn execute(people: &People, proof: Authorised<Self>, who: &Session) -> Result<Outcome, Error> {
        let message = match people.end_sessions(proof, who).await? {
            0 => "There was no other session.".to_owned(),
            1 => "1 other session is signed out.".to_owned(),
            ended => format!("{ended} other sessions are signed out."),
        };
        Ok(Outcome::new(Seen::Profile, message))
    }
}

impl Change for ReplaceAuthenticator {
    type Room = People;

    async fn describe(&self, people: &People) -> Result<Preview, Error> {
        let effects = sentences([
            "The next page shows a new QR code for another authenticator app.",
            "Your current app keeps working until you confirm the new one.",
            "After that, all your other sessions are signed out.",
        ]);
        let about = people.about(self.user).await?;
        Ok(Preview::new("Replace authenticator", "Continue", about, effects))
    }

    async fn execute(people: &People, proof: Authorised<Self>, who: &Session) -> Result<Outcome, Error> {
        people.replace_authenticator(proof, who).await?;
        Ok(Outcome::silent(Seen::Enrolment))
    }
}

impl Change for ReplaceRecoveryCodes {
    type Room = People;

    async fn describe(&self, people: &People) -> Result<Preview, Error> {
        let effects = sentences([
            "Keystead shows ten new recovery codes once.",
            "Your current codes stop working immediately.",
        ]);
        let about = people.about(self.user).await?;
        Ok(Preview::new("New recovery codes", "Replace codes", about, effects))
    }

    async fn execute(people: &People, proof: Authorised<Self>, who: &Session) -> Result<Outcome, Error> {
        people.replace_recovery_codes(proof, who).await?;
        Ok(Outcome::silent(Seen::RecoveryCodes))
    }
}

impl People {
    async fn about(&self, user: UserId) -> Result<About, Error> {
        Ok(About::Account { email: email::shown(&self.vault.person(user).await?.email) })
    }
}

fn sentences<const N: usize>(all: [&str; N]) -> Vec<String> {
    all.map(str::to_owned).to_vec()
}
