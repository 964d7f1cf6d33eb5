//! "Sign out sessions": one other session of the administrator, or all of them.

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm};
use crate::web::forms::Plain;
use crate::web::visitor::SignedIn;
use domain::base::address;
use domain::base::form::Form;
use domain::base::id::SessionId;
use domain::people::command::EndSessions;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsForm {
    #[serde(default)]
    session: Which,
}

/// One session, or all others if the text is empty.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Which(Option<SessionId>);

impl TryFrom<String> for Which {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "" => Ok(Self(None)),
            id => id.parse().map(|id| Self(Some(id))).map_err(|_| "not a session"),
        }
    }
}

impl ChangeForm for EndSessions {
    const HEADING: &'static str = "Sign out sessions";
    const OVER: Option<&'static str> = Some(address::PROFILE);
    const BEGINS_AT: Option<&'static str> = Some(address::PROFILE);
    type At = Plain;
    type Typed = SessionsForm;

    fn path(_: &Plain) -> String {
        address::PROFILE_SESSIONS.to_owned()
    }

    fn is_at(&self, _: &Plain) -> bool {
        true
    }

    async fn plan(app: &App, who: &SignedIn, _: &Plain, typed: SessionsForm) -> Result<Self, Box<Again>> {
        let planned = app.portal().people().plan_end_sessions(&who.session, typed.session.0).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }
}
