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
        effects.extend(self.to.as_ref().map(|to| format!("Services may call {scope} by the name {to}.")));
        effects
            .extend(self.from.as_ref().map(|from| format!("The name {from} stands for nothing any more.")));
        effects.push(format!("{scope} is still called so as well; keys and derived keys stay as they are."));
        let warning = self.from.as_ref().map(|from| {
            format!(
                "Services that still ask for {from} are refused. What they encrypted under that name opens under the \
                 others that {scope} has."
            )
        });
        let about = scopes.vault.db().scopes().about(scope).await?;
        Ok(Preview { warning, ..Preview::new("Alias", "Change", about, effects) })
    }

    async fn execute(scopes: &Scopes, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let SetAlias { scope, to, .. } = proof.command().clone();
        scopes.set_alias(proof).await?;
        let message = match to {
            Some(alias) => format!("Services may call this scope {alias}."),
            None => "This scope has no alias any more.".to_owned(),
        };
        Ok(Outcome::new(Seen::Keys { scope: scope.name, new: None }, message))
    }
}
