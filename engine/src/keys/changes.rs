//! The changes of encryption keys: their previews, and their execution.

use crate::changes::authority::Authorised;
use crate::changes::change::{Change, Outcome};
use crate::custody;
use crate::keys::Keys;
use crate::{Error, Session};
use domain::base::words;
use domain::changes::view::{About, Preview, Seen};
use domain::custody::aws::decrypt_only_policy;
use domain::keys::command::{CreateKey, EditKey, RotateKey, SetLimits, Source};
use domain::keys::key_version::Plan;
use domain::keys::limits::{CUSTOMER_SUPPLIED_MAX, Passed};
use domain::scopes::command::ScopeRef;

impl Change for CreateKey {
    type Room = Keys;

    async fn describe(&self, keys: &Keys) -> Result<Preview, Error> {
        let (about, mut effects) = (keys.about(&self.scope).await?, effects_of(&self.plan));
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
        let (about, mut effects) = (keys.about(&self.scope).await?, effects_of(&self.plan));
        let Some(reason) = &self.reason else {
            return Ok(Preview::new("Rotate encryption key", "Rotate", about, effects));
        };
        effects.push(format!("Reason: {reason}"));
        effects.push("Keystead records in the audit log that you passed the limit, with the reason.".into());
        Ok(Preview::new("Rotate encryption key", "Rotate now", about, effects))
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

impl Change for SetLimits {
    type Room = Keys;

    async fn describe(&self, keys: &Keys) -> Result<Preview, Error> {
        let Self { environment, from, to, server } = self;
        let row = keys.environment_limits(&environment.slug).await?.environment;
        let change = |what: &str, from: Option<u32>, to: Option<u32>, server: u32| {
            let said = |own: Option<u32>| match own {
                Some(own) => own.to_string(),
                None => format!("the server's setting, {server}"),
            };
            match (from == to, from.unwrap_or(server) == to.unwrap_or(server)) {
                (true, _) => format!("{what}: {}, as before.", said(from)),
                (false, true) if to.is_some() => {
                    format!(
                        "{what}: {server}, now set for this environment. The server's setting is {server} too."
                    )
                }
                (false, true) => {
                    format!(
                        "{what}: {server}, from now on the server's setting. The environment had set {server} too."
                    )
                }
                (false, false) => format!("{what}: {} instead of {}.", said(to), said(from)),
            }
        };
        let effects = vec![
            change("Versions of one type per day", from.per_type, to.per_type, server.per_type),
            change("Versions in total per day", from.per_scope, to.per_scope, server.per_scope),
            "The limits apply to each country of the environment, for people and for automatic rotation."
                .to_owned(),
            "Versions made today count. Existing versions and encrypted data are not affected.".to_owned(),
        ];
        let about = About::Environment { name: row.name, slug: row.slug };
        Ok(Preview::new("Change limits", "Update", about, effects))
    }

    async fn execute(keys: &Keys, proof: Authorised<Self>, _: &Session) -> Result<Outcome, Error> {
        let SetLimits { environment, to, server, .. } = proof.command().clone();
        keys.set_limits(proof).await?;
        let daily = server.with(to);
        let message = format!(
            "The limits are now {} of one type and {} in total per day.",
            words::count(daily.per_type, "version", "versions"),
            daily.per_scope
        );
        Ok(Outcome::new(Seen::Environment(environment.slug), message))
    }
}

impl Keys {
    async fn about(&self, scope: &ScopeRef) -> Result<About, Error> {
        self.vault.about(&scope.name).await
    }
}

/// Returns the effects of a new version.
fn effects_of(plan: &Plan) -> Vec<String> {
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
    effects.extend(plan.passes.map(|Passed { limit, used }| {
        let made = match used > limit {
            true => format!("{used} new {label} versions made today already, the limit is {limit}"),
            false => {
                let versions = if limit == 1 { "version" } else { "versions" };
                format!("{used} of {limit} new {label} {versions} made today already")
            }
        };
        format!("This version passes the daily limit: {made}.")
    }));
    effects.push(format!(
        "Remaining today: {} of {} {label}, {} of {} in total.",
        plan.left.of_type_today, plan.limits.per_type, plan.left.today, plan.limits.per_scope
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
