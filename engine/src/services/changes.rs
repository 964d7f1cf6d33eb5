//! The changes of API keys: their descriptions and their execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::services::Services;
use crate::{Error, Session};
use domain::base::words::{date, moment, span};
use domain::changes::view::{About, Preview, Seen};
use domain::data::operation::Operation;
use domain::services::api_key::words;
use domain::services::command::{CreateApiKey, RevokeApiKey};

/// Lists the operations as in a sentence: "encrypt, decrypt and wrap".
fn listed(operations: &[Operation]) -> String {
    let words = words(operations);
    match words.rsplit_once(',') {
        Some((first, last)) => format!("{} and {last}", first.replace(',', ", ")),
        None => words,
    }
}

impl Change for CreateApiKey {
    type Room = Services;

    async fn describe(&self, services: &Services) -> Result<Preview, Error> {
        let reach: Vec<_> = self.grants.iter().map(|grant| grant.reach.explained()).collect();
        let effects = vec![
            format!("The key \"{}\" may {}.", self.name, listed(&self.operations)),
            format!("It works in {} only.", reach.join(", ")),
            format!(
                "It works until {} ({} days).",
                date(self.lifetime.end(services.vault.now())),
                self.lifetime.days()
            ),
            "The next page shows the secret until you confirm that you saved it. It is not shown again."
                .to_owned(),
        ];
        let opens = [Operation::Decrypt, Operation::Unwrap].iter().any(|one| self.operations.contains(one));
        let warning =
            opens.then(|| "Anyone who has this key can decrypt the data of these scopes.".to_owned());
        let about = About::ApiKey { name: self.name.clone() };
        Ok(Preview { warning, ..Preview::new("Create API key", "Create", about, effects) })
    }

    async fn execute(services: &Services, proof: Authorised<Self>, who: &Session) -> Result<Outcome, Error> {
        services.create_api_key(proof, who).await?;
        Ok(Outcome::silent(Seen::NewApiKey))
    }
}

impl Change for RevokeApiKey {
    type Room = Services;

    async fn describe(&self, services: &Services) -> Result<Preview, Error> {
        let row = services.api_key(self.id).await?;
        let effects = vec![
            format!(
                "The key \"{}\" stops working: on this server immediately, on other servers within a second.",
                self.name
            ),
            "Services that still use this key are refused. Encrypted data can still be decrypted with other API keys."
                .to_owned(),
            "This can't be undone. You can create another key.".to_owned(),
        ];
        let now = services.vault.now();
        let warning =
            row.last_used_at.map(|at| format!("It was used {} ago, on {}.", span(now - at), moment(at)));
        let about = About::ApiKey { name: format!("{} · {}…", self.name, self.id.seen()) };
        Ok(Preview { warning, ..Preview::new("Revoke API key", "Revoke", about, effects) })
    }

    async fn execute(services: &Services, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let name = proof.command().name.clone();
        services.revoke_api_key(proof).await?;
        let message = format!("The key \"{name}\" is revoked. Services that still use it are refused.");
        Ok(Outcome::new(Seen::ApiKeys, message))
    }
}
