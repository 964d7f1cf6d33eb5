//! Aliases of scopes: planned, confirmed, set. Nothing that is derived for a scope depends on its alias.

use crate::base::error::ChangesError;
use crate::changes::authority::Authorised;
use crate::scopes::Scopes;
use crate::store::Lock;
use crate::store::authority::RowRef;
use crate::{Error, Session, Stage};
use domain::base::typed::trimmed;
use domain::scopes::alias::{Alias, AliasRefused};
use domain::scopes::command::SetAlias;
use domain::scopes::scope::ScopeName;

impl Scopes {
    /// Returns the alias of a scope.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn alias(&self, name: &ScopeName) -> Result<Option<Alias>, Error> {
        let (scope, _) = self.vault.scope(name).await?;
        self.vault.db().aliases().of(scope.id).await
    }

    /// Plans the change "Alias"; an empty text clears the alias.
    ///
    /// # Errors
    /// [`ScopesError::Alias`], which says what is wrong with the alias.
    pub async fn plan_alias(&self, who: &Session, name: &ScopeName, text: &str) -> Result<SetAlias, Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.vault.scope(name).await?;
        let from = self.vault.db().aliases().of(scope.id).await?;
        let to: Option<Alias> = match trimmed(text) {
            "" => None,
            text => Some(Alias::typed(text)?),
        };
        match &to {
            None if from.is_none() => return Err(AliasRefused::None.into()),
            to if *to == from => return Err(AliasRefused::Unchanged.into()),
            // Here the person learns it before a code is spent. The unique index decides when the alias is set.
            Some(alias) if self.vault.db().aliases().all().await?.contains_key(alias) => {
                return Err(AliasRefused::Taken(alias.clone()).into());
            }
            _ => {}
        }
        Ok(SetAlias { scope, from, to })
    }

    /// Sets or clears the alias: on this server at once, on every other server within a second.
    ///
    /// # Errors
    /// [`ChangesError::Outdated`] when the alias was changed in the meantime; [`AliasRefused::Taken`].
    pub async fn set_alias(&self, proof: Authorised<SetAlias>) -> Result<(), Error> {
        let proof = &proof;
        let done = self.vault.db().write(|mut tx| async move {
            let SetAlias { scope, from, to } = proof.command();
            tx.lock(Lock::Scope(scope.id)).await?;
            if tx.aliases().of(scope.id).await? != *from {
                return Err(Error::Changes(ChangesError::Outdated(
                    "The alias was changed in the meantime.".into(),
                )));
            }
            let held = self.vault.hold(&mut tx, RowRef::Scope(scope.id)).await?;
            tx.aliases().set(scope.id, to.as_ref()).await?;
            self.vault.sign(&mut tx, held).await?;
            let shown = |alias: &Option<Alias>| alias.as_ref().map_or("none".to_owned(), Alias::to_string);
            tx.commit(proof.entry(format!("{} → {}", shown(from), shown(to)))).await
        });
        self.vault.db().or_refuse(done.await, proof.refusal("")).await?;
        self.vault.moved().raise();
        Ok(())
    }
}
