//! "Revoke API key".

use crate::App;
use crate::pages::changes::two_step::{Again, ChangeForm};
use crate::web::forms::{NoFields, OfApiKey};
use crate::web::visitor::SignedIn;
use domain::base::address;
use domain::base::form::Form;
use domain::services::command::RevokeApiKey;

impl ChangeForm for RevokeApiKey {
    const HEADING: &'static str = "Revoke API key";
    const OVER: Option<&'static str> = Some(address::API_KEYS);
    const BEGINS_AT: Option<&'static str> = Some(address::API_KEYS);
    type At = OfApiKey;
    type Typed = NoFields;

    fn path(OfApiKey(key): &OfApiKey) -> String {
        address::api_key_revoke(*key)
    }

    fn is_at(&self, OfApiKey(key): &OfApiKey) -> bool {
        self.id == *key
    }

    async fn plan(
        app: &App,
        who: &SignedIn,
        OfApiKey(key): &OfApiKey,
        NoFields {}: NoFields,
    ) -> Result<Self, Box<Again>> {
        let planned = app.portal().services().plan_revoke(&who.session, *key).await;
        planned.map_err(|error| Again::because(Form::new(), error))
    }
}
