//! "Change kind" of an environment: without a code while no version exists in it, else with one.

use crate::base::entry::Entry;
use crate::base::error::{ChangesError, ScopesError};
use crate::changes::authority::{Authorised, Sensitive};
use crate::changes::change::Outcome;
use crate::scopes::{Scopes, changes};
use crate::store::authority::RowRef;
use crate::store::scopes::Environment;
use crate::store::{Lock, Tx};
use crate::vault::latest::time_of_expiry;
use crate::{Error, Session, Stage};
use domain::scopes::command::{EnvironmentRef, SetKind};
use domain::scopes::scope::{EnvironmentKind, Slug};

impl Scopes {
    /// Plans the change "Change kind".
    ///
    /// # Errors
    /// [`ScopesError::KindUnchanged`]; [`ScopesError::KeyReachesMore`] while an API key reaches this environment and another one.
    pub async fn plan_kind(&self, who: &Session, slug: &Slug, to: EnvironmentKind) -> Result<SetKind, Error> {
        who.require(Stage::Full)?;
        let Environment { id, row, .. } =
            self.vault.proved(self.vault.db().scopes().environment(slug).await?)?;
        if row.kind == to {
            return Err(Error::Scopes(ScopesError::KindUnchanged(to)));
        }
        let now = time_of_expiry(&self.vault);
        // Here the person learns it before a code is spent. Only the check in the transaction is reliable.
        none_reaches_more(self.vault.db().api_keys().reaching_more_than(id, now).await?)?;
        Ok(SetKind { environment: EnvironmentRef { id, slug: row.slug }, from: row.kind, to })
    }

    /// Checks whether "Change kind" needs a code: a version exists in the environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown or removed environment.
    pub async fn kind_needs_code(&self, slug: &Slug) -> Result<bool, Error> {
        let id = self.vault.shown(self.vault.db().scopes().environment(slug).await?).id;
        self.vault.db().scopes().has_versions(id).await
    }

    /// Changes the kind of an environment in which no version exists. Returns `None`, and changes nothing, when one does.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when the kind was changed in the meantime; [`ScopesError::KeyReachesMore`].
    pub async fn change_kind_at_once(
        &self,
        who: &Session,
        command: &SetKind,
    ) -> Result<Option<Outcome>, Error> {
        who.require(Stage::Full)?;
        let entry = || Entry::done(self.vault.now(), who.actor(), SetKind::ACTION).at_place(command.place());
        let done = self.vault.db().write(|mut tx| async move {
            // Before the instance, which who makes a version locks last.
            if tx.scopes().hold_versions(command.environment.id).await? {
                return Ok(None);
            }
            self.write_kind(tx, command, entry()).await?;
            Ok(Some(changes::done(command.clone())))
        });
        let refused =
            Entry::refused(self.vault.now(), who.actor(), SetKind::ACTION).at_place(command.place());
        self.vault.db().or_refuse(done.await, refused).await
    }

    /// Changes the kind of an environment.
    ///
    /// # Errors
    /// As [`Scopes::change_kind_at_once`].
    pub async fn set_kind(&self, proof: Authorised<SetKind>) -> Result<(), Error> {
        let proof = &proof;
        let done = self
            .vault
            .db()
            .write(|tx| async move { self.write_kind(tx, proof.command(), proof.entry("")).await });
        self.vault.db().or_refuse(done.await, proof.refusal("")).await
    }

    async fn write_kind(&self, mut tx: Tx, command: &SetKind, entry: Entry) -> Result<(), Error> {
        let SetKind { environment, from, to } = command;
        // API keys are made under the same lock, so that none that reaches more is made meanwhile.
        tx.lock(Lock::Instance).await?;
        let held = self.vault.hold(&mut tx, RowRef::Environment(environment.id)).await?;
        if !tx.scopes().set_kind(command).await? {
            return Err(Error::Changes(ChangesError::Outdated(
                "The kind was changed in the meantime.".into(),
            )));
        }
        none_reaches_more(
            tx.api_keys().reaching_more_than(environment.id, time_of_expiry(&self.vault)).await?,
        )?;
        self.vault.sign(&mut tx, held).await?;
        tx.commit(entry.with(format!("{} → {}", from.label(), to.label()))).await
    }
}

/// # Errors
/// [`ScopesError::KeyReachesMore`] when there are such API keys.
fn none_reaches_more(names: Vec<String>) -> Result<(), Error> {
    if names.is_empty() { Ok(()) } else { Err(Error::Scopes(ScopesError::KeyReachesMore(names))) }
}
