//! The steps after the first encryption key of the portal, derived from what exists.

use crate::Error;
use crate::overview::Overview;
use domain::base::id::ScopeId;
use domain::overview::next_steps::NextSteps;
use domain::scopes::scope::ScopeName;

impl Overview {
    /// Returns the steps after the first encryption key. `None` before there is one, and once all steps are done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_steps(&self) -> Result<Option<NextSteps>, Error> {
        match self.vault.db().next_steps().first_scope().await? {
            Some((id, scope)) => self.steps_of(id, scope).await,
            None => Ok(None),
        }
    }

    /// Returns the same steps, if this scope got the first encryption key.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn next_steps_at(&self, name: &ScopeName) -> Result<Option<NextSteps>, Error> {
        let id = self.vault.scope(name).await?.0.id;
        match self.vault.db().next_steps().is_first(id).await? {
            true => self.steps_of(id, name.clone()).await,
            false => Ok(None),
        }
    }

    async fn steps_of(&self, id: ScopeId, scope: ScopeName) -> Result<Option<NextSteps>, Error> {
        let existing = self.vault.db().next_steps().existing(id).await?;
        let steps = NextSteps {
            scope,
            has_api_key: existing.api_keys > 0,
            is_used: existing.uses > 0,
            has_second_administrator: existing.administrators > 1,
            has_backup: existing.backups > 0,
        };
        Ok(Some(steps).filter(|steps| !steps.are_done()))
    }
}
