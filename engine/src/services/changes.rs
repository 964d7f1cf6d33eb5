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

impl Change for CreateApiKey {
    type Room = Services;

    async fn describe(&self, services: &Services) -> Result<Preview, Error> {
        let reach: Vec<_> = self.grants.iter().map(|grant| grant.reach.explained()).collect();
        let effects = vec![
            format!("A key named {} may {}.", self.name, words(&self.operations).replace(',', ", ")),
            format!("It may so in {}, and nowhere else.", reach.join(", ")),
            format!(
                "It works until {} ({} days).",
                date(self.lifetime.end(services.vault.now())),
                self.lifetime.days()
            ),
            "Its secret is shown on the next page until you have saved it, and never again.".to_owned(),
        ];
        let opens = [Operation::Decrypt, Operation::Unwrap].iter().any(|one| self.operations.contains(one));
        let warning = opens.then(|| "Whoever has this key can read what was encrypted there.".to_owned());
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
            format!("The key {} stops working: here at once, on other servers within a second.", self.name),
            "Services that still come in with it are refused. What was encrypted stays readable with other keys."
                .to_owned(),
            "This cannot be undone; another key can be made.".to_owned(),
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
        let message = format!("The key {name} is revoked. Services that come in with it are refused.");
        Ok(Outcome::new(Seen::ApiKeys, message))
    }
}
