//! The changes of encryption keys: their previews, and their execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::custody;
use crate::keys::Keys;
use crate::{Error, Session};
use domain::base::words;
use domain::changes::view::{About, Preview, Seen};
use domain::custody::aws::decrypt_only_policy;
use domain::keys::command::{CreateKey, EditKey, RotateKey, Source};
use domain::keys::key_version::Plan;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, DailyLimits};
use domain::scopes::command::ScopeRef;

impl Change for CreateKey {
    type Room = Keys;

    async fn describe(&self, keys: &Keys) -> Result<Preview, Error> {
        let (about, mut effects) = (keys.about(&self.scope).await?, effects_of(&self.plan, keys.daily));
        let Source::Aws(key) = &self.source else {
            return Ok(Preview::new("Add encryption key", "Create", about, effects));
        };
        effects.push(format!("AWS KMS decrypts the data key with {}.", key.cmk));
        effects.push(format!(
            "Keystead calls AWS KMS with access key {}.",
            key.credentials.access_key_id.masked()
        ));
        let unknown = (!key.region.is_known()).then(|| {
            format!(
                "Keystead does not recognise the region {}. AWS may have added it recently. Keystead sends its calls to {}.",
                key.region,
                keys.custody.kms_address(&key.region)
            )
        });
        let report = &key.credentials.report;
        Ok(Preview {
            warning: custody::changes::warning(report, unknown),
            report: Some(report.clone()),
            policy: Some(decrypt_only_policy(&key.cmk)),
            ..Preview::new("Add encryption key", "Create", about, effects)
        })
    }

    async fn execute(keys: &Keys, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let scope = proof.command().scope.clone();
        keys.create(proof).await.map(|plan| success(scope, &plan))
    }
}

impl Change for RotateKey {
    type Room = Keys;

    async fn describe(&self, keys: &Keys) -> Result<Preview, Error> {
        let (about, effects) = (keys.about(&self.scope).await?, effects_of(&self.plan, keys.daily));
        Ok(Preview::new("Rotate encryption key", "Rotate", about, effects))
    }

    async fn execute(keys: &Keys, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let scope = proof.command().scope.clone();
        keys.rotate(proof).await.map(|plan| success(scope, &plan))
    }
}

impl Change for EditKey {
    type Room = Keys;

    async fn describe(&self, keys: &Keys) -> Result<Preview, Error> {
        let due = keys.due_after_edit(self).await?;
        let effects = vec![
            format!(
                "Version {} rotates every {} days instead of every {}.",
                self.number,
                self.to.days(),
                self.from.days()
            ),
            format!("Next rotation: {}, counted from the version's creation.", words::moment(due)),
        ];
        let warning = (due <= keys.vault.now()).then(|| {
            "This date is in the past. Keystead creates the next version within seconds of this change, or on the next \
             UTC day if a daily limit is reached today."
                .to_owned()
        });
        let about = keys.about(&self.scope).await?;
        Ok(Preview { warning, ..Preview::new("Edit encryption key", "Update", about, effects) })
    }

    async fn execute(keys: &Keys, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let EditKey { scope, number, to, .. } = proof.command().clone();
        let due = keys.edit(proof).await?;
        let message = format!(
            "Version {number} rotates every {} days. Next rotation: {}.",
            to.days(),
            words::moment(due)
        );
        Ok(Outcome::new(Seen::Keys { scope: scope.name, new: None }, message))
    }
}

impl Keys {
    async fn about(&self, scope: &ScopeRef) -> Result<About, Error> {
        self.vault.about(&scope.name).await
    }
}

/// Returns the effects of a new version.
fn effects_of(plan: &Plan, daily: DailyLimits) -> Vec<String> {
    let key_type = plan.new.key_type();
    let label = key_type.label();
    let rotates = match plan.new.period() {
        Some(period) => format!("rotates every {} days", period.days()),
        None => "does not rotate automatically".to_owned(),
    };
    let mut effects = vec![format!("Version {} ({label}) becomes active and {rotates}.", plan.number)];
    effects
        .extend(plan.deprecates.map(|old| format!("Version {old} becomes Deprecated; it still decrypts.")));
    effects.extend(plan.due_at.map(|due| format!("Next rotation: {}.", words::moment(due))));
    effects.push(format!(
        "Remaining today: {} of {} {label}, {} of {} in total.",
        plan.left.of_type_today, daily.per_type, plan.left.today, daily.per_scope
    ));
    if key_type.is_customer_supplied() {
        let left = plan.left.customer_supplied;
        effects.push(format!(
            "Remaining after this: {left} of {CUSTOMER_SUPPLIED_MAX} customer-supplied versions (lifetime limit)."
        ));
    }
    effects
}

/// Returns where the new version is shown, and the message about it.
fn success(scope: ScopeRef, plan: &Plan) -> Outcome {
    let follows = match plan.deprecates {
        Some(old) => format!("; version {old} still decrypts."),
        None => ".".to_owned(),
    };
    let message = format!("Version {} is active. Services use it from now on{follows}", plan.number);
    Outcome::new(Seen::Keys { scope: scope.name, new: Some(plan.number) }, message)
}
