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
        let replaced = match secrets.total() {
            1 => "The secret gets a new current version.".to_owned(),
            total => format!("Each of the {total} secrets gets a new current version."),
        };
        let (ended, them) = match secrets.previous {
            1 => ("The previous secret stops being served.".to_owned(), "it"),
            previous => (format!("The {previous} previous secrets stop being served."), "them"),
        };
        let (verb, effects, warning) = match self.step {
            RotationStep::Begin => (
                "Begin rotation",
                vec![
                    replaced,
                    "Services receive old and new until you finish, so existing data stays readable."
                        .to_owned(),
                    "They encrypt with the new secrets from now on.".to_owned(),
                ],
                None,
            ),
            RotationStep::Finish => (
                "Finish rotation",
                vec![
                    ended,
                    format!("Services received keys of {them}: {}.", secrets.uses.text()),
                    match secrets.uses.count > self.accepted_uses {
                        true => "Services have asked again since you ticked the box, so Keystead will refuse this. Go back.",
                        false => "If services ask again before you enter the code, Keystead refuses this.",
                    }
                    .to_owned(),
                ],
                Some(format!("Data still encrypted with {them} becomes unreadable. This can't be undone.")),
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
                "A rotation of {counted} has begun. Finish it after your services have migrated their fields and vectors."
            ),
            RotationStep::Finish => format!("The rotation is finished: {counted} replaced."),
        };
        Ok(Outcome::new(Seen::Keys { scope: scope.name, new: None }, message))
    }
}
