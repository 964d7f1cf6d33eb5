//! "Tenant secrets", the beginning and the end of a rotation: their preview, and their execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::data::tenant_secrets::Secrets;
use crate::{Error, Session};
use domain::base::words;
use domain::changes::view::{Preview, Seen};
use domain::data::command::RotateTenantSecrets;
use domain::data::tenant_secret::RotationStep;

impl Change for RotateTenantSecrets {
    type Room = Secrets;

    async fn describe(&self, room: &Secrets) -> Result<Preview, Error> {
        let secrets = room.of(&self.scope.name).await?;
        let current = words::count(secrets.total(), "secret", "secrets");
        let previous = words::count(secrets.previous, "previous secret", "previous secrets");
        let (verb, effects, warning) = match self.step {
            RotationStep::Begin => (
                "Begin rotation",
                vec![
                    format!("{current} of this country: each gets a new one, which becomes current."),
                    "Services are given both, so that what is there is found and read until you finish.".to_owned(),
                    "They encrypt with the new ones from now on.".to_owned(),
                ],
                None,
            ),
            RotationStep::Finish => (
                "Finish rotation",
                vec![format!("{previous}: given to no service any more.")],
                Some(
                    "Fields and vectors that were not moved can neither be read nor found after this, and it cannot be \
                     undone here."
                        .to_owned(),
                ),
            ),
        };
        let about = room.about(&self.scope.name).await?;
        Ok(Preview { warning, ..Preview::new("Tenant secrets", verb, about, effects) })
    }

    async fn execute(room: &Secrets, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let Self { scope, step, .. } = proof.command().clone();
        let count = u32::try_from(room.rotate(proof).await?).unwrap_or(u32::MAX);
        let counted = words::count(count, "tenant secret", "tenant secrets");
        let message = match step {
            RotationStep::Begin => format!(
                "A rotation of {counted} has begun. Finish it when services have moved their fields and vectors."
            ),
            RotationStep::Finish => format!("The rotation is finished: {counted} replaced."),
        };
        Ok(Outcome::new(Seen::Keys { scope: scope.name, new: None }, message))
    }
}
