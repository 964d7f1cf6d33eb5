//! Environments and countries. They need no verification code.

use crate::base::entry::Entry;
use crate::base::random;
use crate::store::Lock;
use crate::store::scopes::{Branches, Environment, Named};
use crate::{Error, Portal, Session, Stage};
use domain::audit::event::Action;
use domain::base::id::{EnvironmentId, ScopeId};
use domain::overview::view::{CountryRow, EnvironmentRow, EnvironmentView, Tree};
use domain::scopes::command::ScopeRef;
use domain::scopes::scope::{Country, Kind, NameRefused, ScopeName, Slug, display_name};

/// Deployment stages and customers' sandboxes; a script that goes astray ends here.
const MOST_ENVIRONMENTS: i64 = 200;

impl Portal {
    /// Every environment with its countries and what they lack.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree(&self) -> Result<Tree, Error> {
        self.db().scopes().tree(Branches::All, self.now()).await
    }

    /// The same, but of a large portal only the countries of one environment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tree_around(&self, environment: Option<&Slug>) -> Result<Tree, Error> {
        self.db().scopes().tree(Branches::Around(environment), self.now()).await
    }

    /// # Errors
    /// When the database fails.
    pub async fn environments(&self) -> Result<Vec<EnvironmentRow>, Error> {
        Ok(self.db().scopes().environments().await?.into_iter().map(|environment| environment.row).collect())
    }

    /// # Errors
    /// [`Error::NotFound`] for an unknown or removed environment.
    pub async fn environment(&self, slug: &Slug) -> Result<EnvironmentView, Error> {
        let Environment { id, row } = self.db().scopes().environment(slug).await?;
        let mut countries: Vec<_> =
            self.db().scopes().scopes_of(id).await?.into_iter().map(|scope| scope.row).collect();
        countries.sort_by_cached_key(|row| row.country.order());
        Ok(EnvironmentView { environment: row, countries })
    }

    /// One country of an environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment or the country in it is not there.
    pub async fn country(
        &self,
        slug: &Slug,
        country: Country,
    ) -> Result<(EnvironmentRow, CountryRow), Error> {
        let environment = self.db().scopes().environment(slug).await?;
        let scope = self.db().scopes().scope(environment.id, country).await?;
        Ok((environment.row, scope.row))
    }

    /// The scope as commands name it, and the environment's display name.
    pub(crate) async fn scope(&self, name: &ScopeName) -> Result<(ScopeRef, String), Error> {
        let Named { id, environment_name, .. } = self.db().scopes().named(name).await?;
        Ok((ScopeRef { id, name: name.clone() }, environment_name))
    }

    /// # Errors
    /// What is wrong with the name, in words.
    pub async fn add_environment(
        &self,
        who: &Session,
        name: &str,
        kind: Kind,
    ) -> Result<EnvironmentRow, Error> {
        who.require(Stage::Full)?;
        let name = display_name(name)?;
        let slug = Slug::from_name(&name).ok_or(NameRefused::NothingForAddress)?;
        let row = EnvironmentRow { slug, name, kind, countries: 0, with_key: 0, created_at: self.now() };
        let new = &row;
        self.db()
            .write(|mut tx| async move {
                // One after the other, so that the count is that of the commit.
                tx.lock(Lock::Instance).await?;
                tx.scopes().insert_environment(EnvironmentId(random::uuid()), new).await?;
                if tx.scopes().count_environments().await? > MOST_ENVIRONMENTS {
                    return Err(Error::TooManyEnvironments { limit: MOST_ENVIRONMENTS });
                }
                let detail = format!("{} ({})", new.name, new.kind.label());
                let entry = Entry::done(new.created_at, who.actor(), Action::EnvironmentAdd);
                tx.commit(entry.at_place(&new.slug).with(detail)).await
            })
            .await?;
        Ok(row)
    }

    /// # Errors
    /// What is wrong with the name, in words.
    pub async fn rename_environment(&self, who: &Session, slug: &Slug, name: &str) -> Result<String, Error> {
        who.require(Stage::Full)?;
        let Environment { id, row } = self.db().scopes().environment(slug).await?;
        let name = display_name(name)?;
        if name == row.name {
            return Err(Error::NameUnchanged);
        }
        let (old, new) = (&row.name, &name);
        self.db()
            .write(|mut tx| async move {
                tx.scopes().rename_environment(id, new).await?;
                let entry = Entry::done(self.now(), who.actor(), Action::EnvironmentRename);
                tx.commit(entry.at_place(slug).with(format!("{old} → {new}"))).await
            })
            .await?;
        Ok(name)
    }

    /// Removes an environment and its countries, while none of them has a key.
    ///
    /// # Errors
    /// [`Error::HasKeys`] once a key exists.
    pub async fn remove_environment(&self, who: &Session, slug: &Slug) -> Result<String, Error> {
        who.require(Stage::Full)?;
        let Environment { id, row } = self.db().scopes().environment(slug).await?;
        let now = self.now();
        let name = &row.name;
        let done = self.db().write(|mut tx| async move {
            tx.lock(Lock::Environment(id)).await?;
            tx.scopes().remove_environment(id, now).await?;
            let entry = Entry::done(now, who.actor(), Action::EnvironmentRemove);
            tx.commit(entry.at_place(slug).with(name)).await
        });
        let refused = Entry::refused(now, who.actor(), Action::EnvironmentRemove).at_place(slug);
        self.db().or_refuse(done.await, refused).await?;
        self.look_again_soon().await;
        Ok(row.name)
    }

    /// # Errors
    /// [`Error::CountryTaken`] when it is there already.
    pub async fn add_country(&self, who: &Session, slug: &Slug, country: &str) -> Result<Country, Error> {
        who.require(Stage::Full)?;
        let environment = self.db().scopes().environment(slug).await?;
        let country = Country::from_code(country)?;
        let environment = environment.id;
        self.db()
            .write(|mut tx| async move {
                tx.lock(Lock::Environment(environment)).await?;
                tx.scopes().insert_scope(ScopeId(random::uuid()), environment, country, self.now()).await?;
                let place = ScopeName { environment: slug.clone(), country };
                let entry = Entry::done(self.now(), who.actor(), Action::CountryAdd);
                tx.commit(entry.at_place(place).with(country.name())).await
            })
            .await?;
        self.look_again_soon().await;
        Ok(country)
    }

    /// Removes a country, while it has no key.
    ///
    /// # Errors
    /// [`Error::HasKeys`] once a key exists.
    pub async fn remove_country(&self, who: &Session, name: &ScopeName) -> Result<(), Error> {
        who.require(Stage::Full)?;
        let (scope, _) = self.scope(name).await?;
        let scope = scope.id;
        let now = self.now();
        let done = self.db().write(|mut tx| async move {
            tx.lock(Lock::Scope(scope)).await?;
            tx.scopes().delete_scope(scope).await?;
            let entry = Entry::done(now, who.actor(), Action::CountryRemove);
            tx.commit(entry.at_place(name).with(name.country.name())).await
        });
        let refused = Entry::refused(now, who.actor(), Action::CountryRemove).at_place(name);
        self.db().or_refuse(done.await, refused).await?;
        self.look_again_soon().await;
        Ok(())
    }
}
