//! Aliases of scopes.

use super::{corrupt, is_duplicate, on, scope_name, table, within};
use crate::Error;
use crate::store::text::{With, kept};
use domain::base::id::ScopeId;
use domain::scopes::alias::{Alias, AliasRefused};
use domain::scopes::scope::ScopeName;
use std::collections::HashMap;

pub(super) fn read(alias: Option<String>, scope: ScopeId) -> Result<Option<Alias>, Error> {
    alias.map(|text| text.try_into().map_err(|_| corrupt("scope", "alias", scope))).transpose()
}

const OF: &str = "SELECT alias FROM scope WHERE id = $1";

table!(aliases: Read, Write);

impl Read<'_> {
    /// Returns every alias, and the scope that it stands for.
    pub(crate) async fn all(&self) -> Result<HashMap<Alias, ScopeName>, Error> {
        const SQL: &str = "SELECT s.alias, e.slug, s.country FROM scope s JOIN environment e ON e.id = s.environment_id \
                           WHERE s.alias IS NOT NULL";
        let rows: Vec<(String, String, String)> =
            on!(self.0, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        let named = rows.into_iter().map(|(alias, slug, country)| {
            let name = scope_name(slug, &country, &alias)?;
            Ok((alias.parse().map_err(|_| corrupt("scope", "alias", &alias))?, name))
        });
        named.collect()
    }

    pub(crate) async fn of(&self, scope: ScopeId) -> Result<Option<Alias>, Error> {
        let alias: Option<Option<String>> =
            on!(self.0, pool => sqlx::query_scalar(OF).with(scope.0).fetch_optional(pool).await)?;
        read(alias.ok_or(Error::NotFound)?, scope)
    }

    /// Returns every alias that the scope has or had.
    pub(crate) async fn ever(&self, scope: ScopeId) -> Result<Vec<String>, Error> {
        const SQL: &str = "SELECT alias FROM alias_history WHERE scope_id = $1";
        Ok(on!(self.0, pool => sqlx::query_scalar(SQL).with(scope.0).fetch_all(pool).await)?)
    }
}

impl Write<'_> {
    pub(crate) async fn of(&mut self, scope: ScopeId) -> Result<Option<Alias>, Error> {
        let alias: Option<Option<String>> =
            within!(self.0, c => sqlx::query_scalar(OF).with(scope.0).fetch_optional(c).await)?;
        read(alias.ok_or(Error::NotFound)?, scope)
    }

    /// # Errors
    /// [`AliasRefused::Taken`] when another scope has it.
    pub(crate) async fn set(&mut self, scope: ScopeId, alias: Option<&Alias>) -> Result<(), Error> {
        const SET: &str = "UPDATE scope SET alias = $2 WHERE id = $1";
        // A scope may take an alias that it had before.
        const KEEP: &str =
            "INSERT INTO alias_history (scope_id, alias) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let done = within!(self.0, c => sqlx::query(SET)
            .with(scope.0).with(alias.map(|alias| kept(alias.as_str()))).execute(c).await.map(|r| r.rows_affected()));
        match (done, alias) {
            (Ok(1), _) => {}
            (Ok(_), _) => return Err(Error::NotFound),
            (Err(error), Some(alias)) if is_duplicate(&error) => {
                return Err(AliasRefused::Taken(alias.clone()).into());
            }
            (Err(error), _) => return Err(error.into()),
        }
        if let Some(alias) = alias {
            within!(self.0, c => sqlx::query(KEEP)
                .with(scope.0).with(kept(alias.as_str())).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
