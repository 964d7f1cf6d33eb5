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
            format!("Version {} stays as it is, with its data key.", self.number),
            format!(
                "Keystead asks KMS with {} instead of {}.",
                self.to.access_key_id.masked(),
                self.from.masked()
            ),
            "The secret key that is stored now is overwritten.".to_owned(),
        ];
        let about = custody.vault.db().scopes().about(&self.scope.name).await?;
        Ok(Preview {
            warning: warning(&self.to.report, None),
            report: Some(self.to.report.clone()),
            ..Preview::new("Replace credentials", "Replace", about, effects)
        })
    }

    async fn execute(custody: &Custody, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let Self { scope, number, to, .. } = proof.command().clone();
        custody.replace_credentials(proof).await?;
        let message =
            format!("Version {number} uses the credentials {} from now on.", to.access_key_id.masked());
        Ok(Outcome::new(Seen::Version { scope: scope.name, number }, message))
    }
}

/// Returns the warnings for the person who is about to enter the code: what the person has accepted, or should know.
pub(crate) fn warning(report: &Report, other: Option<String>) -> Option<String> {
    let more = "These credentials may do more than decrypt, or that could not be determined. You have accepted that; \
                the audit log says so.";
    let all: Vec<_> = report.warns().then(|| more.to_owned()).into_iter().chain(other).collect();
    (!all.is_empty()).then(|| all.join(" "))
}
