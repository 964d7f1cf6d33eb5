//! The changes "Alias" and "Change kind": their descriptions and their execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::scopes::Scopes;
use crate::{Error, Session};
use domain::changes::view::{About, Preview, Seen};
use domain::scopes::command::{SetAlias, SetKind};

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

impl Change for SetKind {
    type Room = Scopes;

    async fn describe(&self, scopes: &Scopes) -> Result<Preview, Error> {
        let row = scopes.environment(&self.environment.slug).await?.environment;
        let name = &row.name;
        let effects = vec![
            format!("The kind of \"{name}\" changes from {} to {}.", self.from.label(), self.to.label()),
            self.to.flags(row.without_key()),
            "Services, encryption keys and encrypted data are not affected.".to_owned(),
        ];
        let about = About::Environment { name: row.name, slug: row.slug };
        Ok(Preview::new("Change kind", "Change kind", about, effects))
    }

    async fn execute(scopes: &Scopes, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let command = proof.command().clone();
        scopes.set_kind(proof).await?;
        Ok(done(command))
    }
}

/// Returns the outcome of "Change kind".
pub(super) fn done(command: SetKind) -> Outcome {
    let message = format!("The kind is now {}.", command.to.label());
    Outcome::new(Seen::Environment(command.environment.slug), message)
}
