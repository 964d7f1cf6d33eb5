//! "Replace credentials": its preview, and its execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::custody::Custody;
use crate::{Error, Session};
use domain::changes::view::{Preview, Seen};
use domain::custody::command::ReplaceCredentials;
use domain::custody::preflight::Report;

impl Change for ReplaceCredentials {
    type Room = Custody;

    async fn describe(&self, custody: &Custody) -> Result<Preview, Error> {
        let effects = vec![
            format!("Version {} and its data key do not change.", self.number),
            format!(
                "Keystead will call KMS with {} instead of {}.",
                self.to.access_key_id.masked(),
                self.from.masked()
            ),
            "The new secret key overwrites the stored one.".to_owned(),
        ];
        let about = custody.vault.about(&self.scope.name).await?;
        Ok(Preview {
            warning: warning(&self.to.report, None),
            report: Some(self.to.report.clone()),
            ..Preview::new("Replace credentials", "Replace", about, effects)
        })
    }

    async fn execute(custody: &Custody, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let Self { scope, number, to, .. } = proof.command().clone();
        custody.replace_credentials(proof).await?;
        let message = format!("Version {number} now uses the credentials {}.", to.access_key_id.masked());
        Ok(Outcome::new(Seen::Version { scope: scope.name, number }, message))
    }
}

/// Returns the warnings for the person who is about to enter the code: what the person has accepted, or should know.
pub(crate) fn warning(report: &Report, other: Option<String>) -> Option<String> {
    let same = report.also().map(|names| {
        format!(
            "This is also the key of {names}. You have accepted this. Whoever may decrypt with one of them holds the key of the others."
        )
    });
    let more = "These credentials may be able to do more than decrypt. You have accepted this. The audit log \
                records it.";
    let all: Vec<_> = report.warns().then(|| more.to_owned()).into_iter().chain(same).chain(other).collect();
    (!all.is_empty()).then(|| all.join(" "))
}
