//! "Change limits" of an environment.

use crate::base::entry::Entry;
use crate::base::error::{ChangesError, KeysError};
use crate::changes::authority::Authorised;
use crate::keys::Keys;
use crate::store::authority::RowRef;
use crate::store::scopes::Environment;
use crate::store::{Lock, Tx};
use crate::{Error, Session, Stage};
use domain::base::id::ScopeId;
use domain::keys::command::SetLimits;
use domain::keys::limits::{DailyLimits, OwnLimits};
use domain::keys::view::EnvironmentLimits;
use domain::scopes::command::EnvironmentRef;
use domain::scopes::scope::Slug;
use std::collections::HashMap;

impl Keys {
    /// Returns the limits of an environment, for the form that changes them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown or removed environment; [`VaultError::Unproved`](crate::base::error::VaultError::Unproved).
    pub async fn environment_limits(&self, slug: &Slug) -> Result<EnvironmentLimits, Error> {
        let found = self.vault.db().scopes().environment(slug).await?;
        let Environment { row: environment, limits: own, .. } = self.vault.proved(found)?;
        Ok(EnvironmentLimits { environment, own, server: self.server })
    }

    /// Plans the change "Change limits".
    ///
    /// # Errors
    /// [`KeysError::Limits`] when no environment can have these; [`KeysError::LimitsUnchanged`].
    pub async fn plan_limits(&self, who: &Session, slug: &Slug, to: OwnLimits) -> Result<SetLimits, Error> {
        who.require(Stage::Full)?;
        let found = self.vault.db().scopes().environment(slug).await?;
        let Environment { id, row, limits: from } = self.vault.proved(found)?;
        to.check(self.server).map_err(KeysError::Limits)?;
        if to == from {
            return Err(Error::Keys(KeysError::LimitsUnchanged));
        }
        let environment = EnvironmentRef { id, slug: row.slug };
        Ok(SetLimits { environment, from, to, server: self.server })
    }

    /// Changes the limits of an environment.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when they were changed in the meantime.
    pub async fn set_limits(&self, proof: Authorised<SetLimits>) -> Result<(), Error> {
        let proof = &proof;
        let entry = proof.entry(described(proof.command()));
        let done =
            self.vault.db().write(|tx| async { self.write_limits(tx, proof.command(), entry.clone()).await });
        self.vault.db().or_refuse(done.await, proof.refusal("")).await
    }

    async fn write_limits(&self, mut tx: Tx, command: &SetLimits, entry: Entry) -> Result<(), Error> {
        let id = command.environment.id;
        // The settings of this server may differ from those of the one that made the plan.
        command.to.check(self.server).map_err(KeysError::Limits)?;
        tx.lock(Lock::Environment(id)).await?;
        let held = self.vault.hold(&mut tx, RowRef::Environment(id)).await?;
        if !tx.scopes().set_limits(command).await? {
            return Err(Error::Changes(ChangesError::Outdated(
                "The limits were changed in the meantime.".into(),
            )));
        }
        self.vault.sign(&mut tx, held).await?;
        tx.commit(entry).await
    }

    /// Returns the daily limits that hold in each of these scopes now. A scope whose own row or whose environment's row does not verify
    /// is left out, because the row says which limits hold.
    pub(crate) async fn daily_of(
        &self,
        tx: &mut Tx,
        scopes: &[ScopeId],
    ) -> Result<HashMap<ScopeId, DailyLimits>, Error> {
        let found = tx.scopes().named(scopes).await?;
        let proved = found.into_iter().filter_map(|scope| self.vault.named(scope).ok());
        Ok(proved.map(|scope| (scope.id, self.daily(scope.limits))).collect())
    }
}

/// Describes the change for the audit log: "of one type: 1 (server's setting) → 2; in total: 3 (server's setting) → 5".
fn described(SetLimits { from, to, server, .. }: &SetLimits) -> String {
    let changed = |what: &str, from: Option<u32>, to: Option<u32>, server: u32| {
        let said =
            |own: Option<u32>| own.map_or(format!("{server} (server's setting)"), |own| own.to_string());
        (from != to).then(|| format!("{what}: {} → {}", said(from), said(to)))
    };
    let of_type = changed("of one type", from.per_type, to.per_type, server.per_type);
    let in_total = changed("in total", from.per_scope, to.per_scope, server.per_scope);
    of_type.into_iter().chain(in_total).collect::<Vec<_>>().join("; ")
}
