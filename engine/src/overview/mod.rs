//! The tree of environments and countries.

use crate::Error;
use crate::store::scopes::Branches;
use crate::vault::opened::Vault;
use domain::overview::view::Tree;
use domain::scopes::scope::Slug;

/// The room of the overview.
#[derive(Clone)]
pub struct Overview {
    vault: Vault,
}

impl Overview {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Returns every environment with its countries and what they lack.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree(&self) -> Result<Tree, Error> {
        self.vault.db().scopes().tree(Branches::All, self.vault.now()).await
    }

    /// Returns the same tree, but of a large portal only the countries of one environment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree_around(&self, environment: Option<&Slug>) -> Result<Tree, Error> {
        self.vault.db().scopes().tree(Branches::Around(environment), self.vault.now()).await
    }
}
