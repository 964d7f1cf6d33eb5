//! Versions of encryption keys: planned, confirmed, made.
//!
//! Every new version, whoever requests it, is made in this order: lock the scope, plan by the rules of `domain`, deprecate the
//! old version, insert the new one, write the audit entry, commit.

use crate::base::error::{ChangesError, KeysError, VaultError};
use crate::changes::authority::{Authorised, Sensitive};
use crate::custody::aws_keys::{AwsAsked, SECRET, json};
use crate::keys::{Keys, rows};
use crate::store::authority::RowRef;
use crate::store::keys::{NewVersionRow, as_active};
use crate::store::scopes::Named;
use crate::store::{Lock, ROWS, Tx};
use crate::{Error, Session, Stage};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::event::Action;
use domain::base::id::ScopeId;
use domain::base::pages::Page;
use domain::custody::vendor::Vendor;
use domain::keys::command::{CreateKey, EditKey, RotateKey, Source};
use domain::keys::key_version::{NewVersion, Plan, managed, plan};
use domain::keys::limits::{FORECAST_DAYS, Passed, Passing, runs_out_at};
use domain::keys::reason::Reason;
use domain::keys::rotation::{RotationPeriod, day_start, next_day};
use domain::keys::timeline::{LINES, Sources, Timeline};
use domain::keys::usage::{LateUse, since};
use domain::keys::version_ref::LeaseKey;
use domain::keys::view::{KeysView, LimitsView, UsageView, VersionRow};
use domain::scopes::command::ScopeRef;
use domain::scopes::scope::ScopeName;

/// Number of versions on one page of the list.
const PAGE: usize = 50;

impl Keys {
    /// Returns the keys page: the Active version, a page of all versions, and what is left of the limits.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn list(&self, name: &ScopeName, page: usize) -> Result<KeysView, Error> {
        let (Named { id, environment_name, alias, .. }, limits) = self.version_counts(name).await?;
        let db = self.vault.db();
        let page = Page::of(db.keys().count(id).await?, PAGE, page);
        let versions = db.keys().at(id, page.range()).await?;
        let mut versions: Vec<_> = versions.into_iter().map(|version| self.vault.shown(version)).collect();
        let mut active = db.keys().active_version(id).await?.map(|active| self.vault.shown(active));
        // The older ones are not opened for each look at the list.
        if let Some(active) = &mut active {
            active.is_proved &= self.custody.is_whole(LeaseKey { scope: id, number: active.number }).await?;
            let listed = versions.iter_mut().find(|version| version.id == active.id);
            listed.into_iter().for_each(|listed| listed.is_proved &= active.is_proved);
        }
        let now = self.vault.now();
        let ids: Vec<i64> = versions.iter().map(|version| version.id).collect();
        let mut usage = db.usage().of(&ids, since(now)).await?;
        let late = match &active {
            Some(active) => db.usage().by_key(active.id, since(now)).await?,
            None => Vec::new(),
        };
        let usage = ids.iter().map(|id| usage.remove(id).unwrap_or_default()).collect();
        Ok(KeysView {
            alias,
            scope: name.clone(),
            environment_name,
            active,
            active_use: LateUse::of(now.date_naive(), late),
            versions,
            usage,
            page,
            limits,
        })
    }

    /// Returns what is left of a scope's limits, for a form that is about to be filled in.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn limits(&self, name: &ScopeName) -> Result<(LimitsView, String), Error> {
        let (scope, limits) = self.version_counts(name).await?;
        Ok((limits, scope.environment_name))
    }

    /// Returns a scope, and what is left of its limits.
    async fn version_counts(&self, name: &ScopeName) -> Result<(Named, LimitsView), Error> {
        let now = self.vault.now();
        let lately = now - TimeDelta::days(FORECAST_DAYS);
        let (scope, made) = self.vault.db().keys().version_counts(name, day_start(now), lately).await?;
        let scope = self.vault.named(scope)?;
        let limits = LimitsView {
            daily: self.daily(scope.limits),
            own: scope.limits,
            today: made.of_type_today.iter().map(|(_, made)| made).sum(),
            of_type_today: made.of_type_today,
            resets_at: next_day(now),
            customer_supplied_used: made.customer_supplied,
            runs_out_at: runs_out_at(made.customer_supplied, made.customer_supplied_lately, now),
            active_type: made.active_type,
            next_number: made.highest.saturating_add(1),
        };
        Ok((scope, limits))
    }

    /// # Errors
    /// [`Error::NotFound`] for an unknown scope or version.
    pub async fn version(&self, name: &ScopeName, number: u32) -> Result<(VersionRow, String), Error> {
        let (scope, environment_name) = self.vault.scope(name).await?;
        let version = self.vault.db().keys().version(scope.id, number).await?;
        let mut version = self.vault.shown(version);
        version.is_proved &= self.custody.is_whole(LeaseKey { scope: scope.id, number }).await?;
        Ok((version, environment_name))
    }

    /// Returns what happened to a version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn timeline(
        &self,
        name: &ScopeName,
        version: VersionRow,
        usage: UsageView,
    ) -> Result<Timeline, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let db = self.vault.db();
        let lines = db.audit().of_version(scope.id, version.number, LINES).await?;
        let next = db.keys().next(scope.id, version.number).await?.map(|next| self.vault.shown(next));
        let replaced_by = match &next {
            Some(next) => db.audit().creation_of(scope.id, next.number).await?,
            None => None,
        };
        Ok(Timeline::of(Sources { version, next, usage, lines, replaced_by }))
    }

    /// Returns the Active version if it is managed, for "Add version" and "Settings".
    ///
    /// # Errors
    /// [`KeysError::NotManaged`] when there is none.
    pub async fn managed_version(&self, name: &ScopeName) -> Result<VersionRow, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        let active =
            self.vault.db().keys().active_version(scope.id).await?.map(|active| self.vault.shown(active));
        managed(active.as_ref().map(as_active))?;
        active.ok_or(Error::NotFound)
    }

    /// Plans "Add encryption key" of type Managed.
    ///
    /// # Errors
    /// The limit that forbids it.
    pub async fn plan_create(
        &self,
        who: &Session,
        name: &ScopeName,
        period: RotationPeriod,
    ) -> Result<CreateKey, Error> {
        let new = NewVersion::Managed { period };
        let (scope, plan) = self.plan_version(who, name, new, Passing::Nothing, Action::KeyCreate).await?;
        Ok(CreateKey { scope, plan, source: Source::Generated })
    }

    /// Plans "Add encryption key" of type "Manual: AWS": the limits first, then the pre-flight against the real KMS.
    ///
    /// # Errors
    /// The limit that forbids it; [`CustodyError::SameKey`] when a version of the scope has this key;
    /// [`CustodyError::Preflight`] with every line when the key cannot be used, or when its credentials may do more than decrypt,
    /// or another scope has the key, and that was not accepted.
    pub async fn plan_create_aws(
        &self,
        who: &Session,
        name: &ScopeName,
        asked: AwsAsked,
    ) -> Result<CreateKey, Error> {
        who.require(Stage::Full)?;
        // A key that would change nothing is not one for tomorrow either. Nor does it, or a version that a limit forbids, cost the
        // customer a call of KMS.
        let (at, _) = self.vault.scope(name).await?;
        self.custody.same_key(at.id, &asked.data_key, None).await?;
        let new = NewVersion::CustomerHeld(Vendor::Aws);
        let (scope, plan) = self.plan_version(who, name, new, Passing::Nothing, Action::KeyCreate).await?;
        let key = self.custody.prepare_aws_key(who, scope.id, plan.number, asked).await?;
        Ok(CreateKey { scope, plan, source: Source::Aws(Box::new(key)) })
    }

    /// Plans "Add version".
    ///
    /// # Errors
    /// The limit that forbids it; when the Active version is not managed.
    pub async fn plan_rotate(
        &self,
        who: &Session,
        name: &ScopeName,
        period: RotationPeriod,
    ) -> Result<RotateKey, Error> {
        // Without this check "Add version" would replace a customer's key by a managed version.
        self.managed_version(name).await?;
        let new = NewVersion::Managed { period };
        let (scope, plan) = self.plan_version(who, name, new, Passing::Nothing, Action::KeyRotate).await?;
        Ok(RotateKey { scope, plan, reason: None })
    }

    /// Plans "Rotate now": the next version passes the daily limit of its type, and no other.
    ///
    /// # Errors
    /// [`KeysError::LimitNotReached`] when there is nothing to pass; the limit that forbids it; when the Active version is not managed.
    pub async fn plan_rotate_now(
        &self,
        who: &Session,
        name: &ScopeName,
        period: RotationPeriod,
        reason: Reason,
    ) -> Result<RotateKey, Error> {
        self.managed_version(name).await?;
        let new = NewVersion::Managed { period };
        let (scope, plan) =
            self.plan_version(who, name, new, Passing::LimitOfType, Action::KeyRotateNow).await?;
        if plan.passes.is_none() {
            return Err(Error::Keys(KeysError::LimitNotReached));
        }
        Ok(RotateKey { scope, plan, reason: Some(reason) })
    }

    async fn plan_version(
        &self,
        who: &Session,
        name: &ScopeName,
        new: NewVersion,
        passing: Passing,
        action: Action,
    ) -> Result<(ScopeRef, Plan), Error> {
        who.require(Stage::Full)?;
        self.vault.require_current()?;
        let Named { id, limits, .. } = self.vault.named(self.vault.db().scopes().named(name).await?)?;
        let (scope, daily) = (ScopeRef { id, name: name.clone() }, self.daily(limits));
        let now = self.vault.now();
        let active =
            self.vault.db().keys().active_version(scope.id).await?.map(|active| self.vault.shown(active));
        let used = self.vault.db().keys().used(scope.id, new.key_type(), now).await?;
        match plan(active.as_ref().map(as_active), new, used, daily, passing, now) {
            Ok(plan) => Ok((scope, plan)),
            Err(limit) => {
                let entry = crate::base::entry::Entry::refused(now, who.actor(), action).at_place(&scope);
                self.vault.db().record(entry.with(domain::base::words::limit_reached(&limit, now))).await?;
                Err(Error::Keys(KeysError::Limit { limit, now }))
            }
        }
    }

    /// Plans "Settings".
    ///
    /// # Errors
    /// [`KeysError::PeriodUnchanged`]; when the Active version is not managed.
    pub async fn plan_edit(
        &self,
        who: &Session,
        name: &ScopeName,
        to: RotationPeriod,
    ) -> Result<EditKey, Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.vault.scope(name).await?;
        let active =
            self.vault.db().keys().active_version(scope.id).await?.map(|active| self.vault.shown(active));
        let (version, from) = managed(active.as_ref().map(as_active))?;
        if from == to {
            return Err(Error::Keys(KeysError::PeriodUnchanged { days: to.days() }));
        }
        Ok(EditKey { scope, number: version.number, from, to })
    }

    /// Returns the due date that results from an edited period.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the version is gone.
    pub async fn due_after_edit(&self, command: &EditKey) -> Result<DateTime<Utc>, Error> {
        let version = self.vault.db().keys().version(command.scope.id, command.number).await?;
        let version = self.vault.proved(version)?;
        Ok(command.to.due_after(version.created_at))
    }

    /// Makes the version that the page showed.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when the plan no longer holds; the limit that forbids it.
    pub async fn create(&self, proof: Authorised<CreateKey>) -> Result<Plan, Error> {
        let CreateKey { scope, plan, source } = proof.command();
        self.make_confirmed(&proof, scope, *plan, source, None).await
    }

    /// Makes the next managed version, as the page showed it.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when the plan no longer holds; the limit that forbids it.
    pub async fn rotate(&self, proof: Authorised<RotateKey>) -> Result<Plan, Error> {
        let RotateKey { scope, plan, reason } = proof.command();
        self.make_confirmed(&proof, scope, *plan, &Source::Generated, reason.as_ref()).await
    }

    async fn make_confirmed<C: Sensitive>(
        &self,
        proof: &Authorised<C>,
        scope: &ScopeRef,
        shown: Plan,
        source: &Source,
        reason: Option<&Reason>,
    ) -> Result<Plan, Error> {
        let made = self.vault.db().write(|mut tx| async move {
            let wanted = Wanted { new: shown.new, source, shown: Some(shown) };
            let plan = self.make_version(&mut tx, scope, wanted, proof).await?;
            tx.commit(proof.entry(format!("{}{}", describe(&plan, source), passing(&plan, reason)))).await?;
            Ok(plan)
        });
        let made = self.vault.db().or_refuse(made.await, proof.refusal("")).await?;
        // Before the answer: services may encrypt with the version from then on, so a copy of the file must have it.
        self.vault.db().settle_now().await;
        Ok(made)
    }

    /// Locks the scope, plans, deprecates the old version, inserts the new one. The caller commits.
    pub(crate) async fn make_version<C: Sensitive>(
        &self,
        tx: &mut Tx,
        scope: &ScopeRef,
        Wanted { new, source, shown }: Wanted<'_>,
        proof: &Authorised<C>,
    ) -> Result<Plan, Error> {
        self.vault.require_current()?;
        tx.lock(Lock::Scope(scope.id)).await?;
        // After the wait for the lock, so that the limits count the day on which the version is made.
        let now = self.vault.now();
        let active = tx.keys().active_version(scope.id).await?.map(|active| self.vault.shown(active));
        let used = tx.keys().used(scope.id, new.key_type(), now).await?;
        let daily = self.daily_of(tx, &[scope.id]).await?.remove(&scope.id);
        let daily = daily.ok_or_else(|| Error::Vault(VaultError::Unproved(scope.name.to_string())))?;
        // Only who saw that the version passes a limit has agreed to it.
        let passing = match shown.and_then(|shown| shown.passes) {
            Some(_) => Passing::LimitOfType,
            None => Passing::Nothing,
        };
        let plan = plan(active.as_ref().map(as_active), new, used, daily, passing, now)
            .map_err(|limit| Error::Keys(KeysError::Limit { limit, now }))?;
        // Due date and remaining limits move with the clock, so only the two numbers must be those that the person saw.
        if shown.is_some_and(|shown| (shown.number, shown.deprecates) != (plan.number, plan.deprecates)) {
            let said = match plan.deprecates {
                Some(newest) if shown.is_some_and(|shown| shown.deprecates != Some(newest)) => {
                    format!("Version {newest} was created in the meantime.")
                }
                // Only after a restore are numbers left out.
                _ => format!("The next version would now have the number {}.", plan.number),
            };
            return Err(Error::Changes(ChangesError::Outdated(said)));
        }
        if let Some(shown) = shown.and_then(|shown| shown.passes)
            && plan.passes.map(|passes| passes.limit) != Some(shown.limit)
        {
            let said = match plan.passes {
                None => "The daily limit is no longer reached.".to_owned(),
                Some(Passed { limit, .. }) => {
                    format!("The daily limit is {limit} now. It was {}.", shown.limit)
                }
            };
            return Err(Error::Changes(ChangesError::Outdated(said)));
        }
        if let Source::Aws(key) = source {
            self.custody.require_new(tx, scope.id, key).await?;
        }
        for version in self.make_planned(tx, &[Planned::of(proof, scope.id, plan, source, None)], now).await?
        {
            if let Source::Aws(key) = source {
                let preflight = json(&key.credentials.report)?;
                // The id is new, so this is revision 1, under which the pre-flight sealed the secret.
                tx.revisions().next(key.id.0, SECRET).await?;
                tx.holders().insert(version, key, &preflight, now).await?;
            }
        }
        Ok(plan)
    }

    /// Deprecates the old versions and inserts those that were planned while the scopes were locked. The caller commits.
    pub(crate) async fn make_planned(
        &self,
        tx: &mut Tx,
        planned: &[Planned<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, Error> {
        self.vault.require_current()?;
        let mut made = Vec::with_capacity(planned.len());
        for some in planned.chunks(ROWS) {
            let with_old = some.iter().filter(|one| one.plan.deprecates.is_some()).map(|one| one.scope);
            // The index `key_version_one_active` refuses a second Active version even for a moment within the transaction.
            rows::deprecate(&self.vault, tx, &with_old.collect::<Vec<_>>()).await?;
            let ids = tx.keys().draw_ids(some.len()).await?;
            let new = some.iter().zip(&ids).map(|(one, id)| NewVersionRow {
                id: *id,
                scope: one.scope,
                plan: one.plan,
                material: match one.source {
                    Source::Generated => Some(self.custody.new_material(one.scope, one.plan.number)),
                    Source::Aws(_) => None,
                },
                rotated_for_due: one.rotated_for_due,
                created_at: now,
                created_by: one.by,
            });
            rows::insert(&self.vault, tx, new.collect()).await?;
            made.extend(ids);
        }
        Ok(made)
    }

    /// Changes the rotation period of the Active version. Its due date counts from its creation.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when the Active version or its period has changed.
    pub async fn edit(&self, proof: Authorised<EditKey>) -> Result<DateTime<Utc>, Error> {
        self.vault.db().or_refuse(self.try_edit(&proof).await, proof.refusal("")).await
    }

    async fn try_edit(&self, proof: &Authorised<EditKey>) -> Result<DateTime<Utc>, Error> {
        let EditKey { scope, number, from, to } = proof.command();
        let edited = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Scope(scope.id)).await?;
            let active = tx.keys().active_version(scope.id).await?.map(|active| self.vault.shown(active));
            let (version, period) = managed(active.as_ref().map(as_active))?;
            if version.number != *number {
                return Err(Error::Changes(ChangesError::Outdated(format!(
                    "Version {} is active now.",
                    version.number
                ))));
            }
            // The person agreed to a change from one period to another, so another edit in between must not be undone unseen.
            if period != *from {
                return Err(Error::Changes(ChangesError::Outdated(format!(
                    "The rotation period is {} days now.",
                    period.days()
                ))));
            }
            let due_at = to.due_after(version.created_at);
            let id = active.as_ref().map(|active| active.id).unwrap_or_default();
            let held = self.vault.hold(&mut tx, RowRef::Version(id)).await?;
            tx.keys().set_period(scope.id, *number, *to, due_at).await?;
            self.vault.sign(&mut tx, held).await?;
            let detail = format!(
                "version {number}: {} → {} days, due {}",
                from.days(),
                to.days(),
                domain::base::words::moment(due_at)
            );
            tx.commit(proof.entry(detail)).await?;
            Ok(due_at)
        });
        edited.await
    }
}

/// A version to be made, its source, and the plan that a person saw.
pub(crate) struct Wanted<'a> {
    pub new: NewVersion,
    pub source: &'a Source,
    /// The plan that a person saw. Keystead refuses the change if it would now do something else.
    pub shown: Option<Plan>,
}

/// A version that was planned while its scope was locked, and who requested it.
pub(crate) struct Planned<'a> {
    scope: ScopeId,
    plan: Plan,
    source: &'a Source,
    rotated_for_due: Option<DateTime<Utc>>,
    by: &'a str,
}

impl<'a> Planned<'a> {
    /// Builds a planned version. `rotated_for_due` is the due date that caused it, when the scheduler makes it.
    pub(crate) fn of<C: Sensitive>(
        proof: &'a Authorised<C>,
        scope: ScopeId,
        plan: Plan,
        source: &'a Source,
        rotated_for_due: Option<DateTime<Utc>>,
    ) -> Self {
        Self { scope, plan, source, rotated_for_due, by: proof.by().name() }
    }
}

/// Describes the limit that a version passes, for the audit log: "; passes the daily limit: 1 of 1 Managed before it; reason:
/// \"…\"". The reason is quoted so that it cannot pass for more of the line.
fn passing(plan: &Plan, reason: Option<&Reason>) -> String {
    let (Some(Passed { limit, used }), Some(reason)) = (plan.passes, reason) else { return String::new() };
    let label = plan.new.key_type().label();
    format!("; passes the daily limit: {used} of {limit} {label} before it; reason: {:?}", reason.as_str())
}

/// Describes a version for the audit log: "version 4, Managed, 30 days; version 3 deprecated", "version 5, Manual: AWS, arn:…,
/// AKIA…WXYZ, 7 of 7 checks passed; …".
pub(crate) fn describe(plan: &Plan, source: &Source) -> String {
    let how = match (plan.new, source) {
        (NewVersion::Managed { period }, _) => format!("{} days", period.days()),
        (NewVersion::CustomerHeld(Vendor::Aws), Source::Aws(key)) => format!(
            "{}, {}, {}",
            key.cmk,
            key.credentials.access_key_id.masked(),
            key.credentials.report.summary()
        ),
        (NewVersion::CustomerHeld(_), Source::Generated) => String::new(),
    };
    let made = format!("version {}, {}, {how}", plan.number, plan.new.key_type().label());
    match plan.deprecates {
        Some(old) => format!("{made}; version {old} deprecated"),
        None => made,
    }
}
