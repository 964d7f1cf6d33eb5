//! The change "Alias": its description and its execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::scopes::Scopes;
use crate::{Error, Session};
use domain::changes::view::{Preview, Seen};
use domain::scopes::command::SetAlias;

impl Change for SetAlias {
    type Room = Scopes;

    async fn describe(&self, scopes: &Scopes) -> Result<Preview, Error> {
        let scope = &self.scope.name;
        let mut effects = Vec::new();
        effects.extend(self.to.as_ref().map(|to| format!("The alias \"{to}\" becomes active for {scope}.")));
        effects.extend(self.from.as_ref().map(|from| format!("The alias \"{from}\" stops working.")));
        effects.push(format!("{scope} still works as a name. Existing keys are not affected."));
        let warning = self.from.as_ref().map(|from| {
            format!(
                "Requests that still use \"{from}\" will be refused. Data encrypted under that alias can still be decrypted \
                 under any other name of {scope}."
            )
        });
        let about = scopes.vault.about(scope).await?;
        Ok(Preview { warning, ..Preview::new("Alias", "Change", about, effects) })
    }

    async fn execute(scopes: &Scopes, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let SetAlias { scope, to, .. } = proof.command().clone();
        scopes.set_alias(proof).await?;
        let message = match to {
            Some(alias) => format!("Alias \"{alias}\" is now active."),
            None => "The alias was removed.".to_owned(),
        };
        Ok(Outcome::new(Seen::Keys { scope: scope.name, new: None }, message))
    }
}
