//! Environments and countries. They need no verification code.

use crate::base::entry::{Entry, Place};
use crate::base::error::{ScopesError, VaultError};
use crate::base::look::latin;
use crate::base::random;
use crate::scopes::Scopes;
use crate::store::authority::RowRef;
use crate::store::scopes::Environment;
use crate::store::{Lock, Tx};
use crate::vault::authority::Held;
use crate::vault::latest::time_of_expiry;
use crate::{Error, Session, Stage};
use domain::audit::event::Action;
use domain::base::id::{EnvironmentId, ScopeId};
use domain::base::typed;
use domain::overview::view::{CountryRow, EnvironmentRow, EnvironmentView};
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug, display_name};
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Maximum number of environments: enough for deployment stages and customers' sandboxes, and a stop for a runaway script.
const MOST_ENVIRONMENTS: usize = 200;

/// Returns what a reader sees of a name: the skeleton of Unicode (UTS 39, 4), with letters as they are, and in lower case. The lower
/// case of a foreign letter may look like another one than its capital does, so the third text has foreign letters as the Latin ones
/// that they look like before all become lower case.
fn seen(name: &str) -> [String; 3] {
    let words: Vec<String> = name.nfkc().collect::<String>().split_whitespace().map(str::to_owned).collect();
    let name = words.join(" ");
    [&name, &name.to_lowercase(), &latin(&name).to_lowercase()].map(|text| skeleton(text).collect())
}

/// # Errors
/// [`ScopesError::LooksLike`] when people would take the name for that of another environment.
fn not_like(name: &str, others: &[(EnvironmentId, String)]) -> Result<(), Error> {
    let name = seen(name);
    let alike =
        others.iter().find(|(_, other)| seen(other).iter().zip(&name).any(|(one, other)| one == other));
    match alike {
        Some((_, other)) => Err(Error::Scopes(ScopesError::LooksLike(other.clone()))),
        None => Ok(()),
    }
}

impl Scopes {
    /// # Errors
    /// When the database fails.
    pub async fn environments(&self) -> Result<Vec<EnvironmentRow>, Error> {
        Ok(self
            .vault
            .db()
            .scopes()
            .environments()
            .await?
            .into_iter()
            .map(|environment| self.vault.shown(environment).row)
            .collect())
    }

    /// # Errors
    /// [`Error::NotFound`] for an unknown or removed environment.
    pub async fn environment(&self, slug: &Slug) -> Result<EnvironmentView, Error> {
        let Environment { id, row, .. } = self.vault.shown(self.vault.db().scopes().environment(slug).await?);
        let scopes = self.vault.db().scopes().scopes_of(id, row.kind, self.vault.now()).await?;
        let mut countries: Vec<_> = scopes.into_iter().map(|scope| self.vault.shown(scope).row).collect();
        countries.sort_by_cached_key(|row| row.country.order());
        Ok(EnvironmentView { environment: row, countries })
    }

    /// Returns the slugs that one environment after the other had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reused_slugs(&self) -> Result<Vec<Slug>, Error> {
        self.vault.db().scopes().reused_slugs().await
    }

    /// Returns one country of an environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment or the country in it does not exist.
    pub async fn country(
        &self,
        slug: &Slug,
        country: Country,
    ) -> Result<(EnvironmentRow, CountryRow), Error> {
        let environment = self.vault.shown(self.vault.db().scopes().environment(slug).await?);
        let scope = self
            .vault
            .db()
            .scopes()
            .scope(environment.id, environment.row.kind, country, self.vault.now())
            .await?;
        let scope = self.vault.shown(scope);
        Ok((environment.row, scope.row))
    }

    /// Returns the display name of a scope's environment.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown scope.
    pub async fn environment_name(&self, name: &ScopeName) -> Result<String, Error> {
        Ok(self.vault.scope(name).await?.1)
    }

    /// Adds an environment. Its slug is the one that was chosen; if `slug` is empty, Keystead derives it from the name.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name or the slug.
    pub async fn add_environment(
        &self,
        who: &Session,
        name: &str,
        slug: &str,
        kind: EnvironmentKind,
    ) -> Result<EnvironmentRow, Error> {
        who.require(Stage::Full)?;
        let name = display_name(name)?;
        let slug = match typed::is_blank_text(slug) {
            true => Slug::proposed(&name.nfd().collect::<String>()).ok_or(ScopesError::NoSlug)?,
            false => Slug::typed(slug).map_err(ScopesError::Slug)?,
        };
        let row = EnvironmentRow {
            slug,
            name,
            kind,
            countries: 0,
            with_key: 0,
            created_at: self.vault.now(),
            keeps_slug: false,
            is_proved: true,
        };
        let new = &row;
        self.vault
            .db()
            .write(|mut tx| async move {
                // Additions run one after the other, so that the count is still true at the commit.
                tx.lock(Lock::Instance).await?;
                let others = tx.scopes().environment_names().await?;
                not_like(&new.name, &others)?;
                let id = EnvironmentId(random::uuid());
                tx.scopes().insert_environment(id, new).await?;
                self.vault.sign_new(&mut tx, RowRef::Environment(id)).await?;
                // After the insert, which says that a slug is taken. A refusal rolls it back.
                if others.len() >= MOST_ENVIRONMENTS {
                    return Err(Error::Scopes(ScopesError::TooManyEnvironments { limit: MOST_ENVIRONMENTS }));
                }
                let detail = format!("{} ({})", new.name, new.kind.label());
                let entry = Entry::done(new.created_at, who.actor(), Action::EnvironmentAdd);
                tx.commit(entry.at_place(Place::environment(&new.slug, id)).with(detail)).await
            })
            .await?;
        Ok(row)
    }

    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub async fn rename_environment(&self, who: &Session, slug: &Slug, name: &str) -> Result<String, Error> {
        who.require(Stage::Full)?;
        let Environment { id, row, .. } =
            self.vault.proved(self.vault.db().scopes().environment(slug).await?)?;
        let name = display_name(name)?;
        if name == row.name {
            return Err(Error::Scopes(ScopesError::NameUnchanged));
        }
        let (old, new) = (&row.name, &name);
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.lock(Lock::Instance).await?;
                let mut others = tx.scopes().environment_names().await?;
                others.retain(|(other, _)| *other != id);
                not_like(new, &others)?;
                let held = self.vault.hold(&mut tx, RowRef::Environment(id)).await?;
                tx.scopes().rename_environment(id, new).await?;
                self.vault.sign(&mut tx, held).await?;
                let entry = Entry::done(self.vault.now(), who.actor(), Action::EnvironmentRename);
                tx.commit(entry.at_place(Place::environment(slug, id)).with(format!("{old} → {new}"))).await
            })
            .await?;
        Ok(name)
    }

    /// Removes an environment and its countries, while none of them has a key. Returns the environment as it was.
    ///
    /// # Errors
    /// [`ScopesError::HasKeys`] once a key exists.
    pub async fn remove_environment(&self, who: &Session, slug: &Slug) -> Result<EnvironmentRow, Error> {
        who.require(Stage::Full)?;
        let Environment { id, row, .. } =
            self.vault.proved(self.vault.db().scopes().environment(slug).await?)?;
        let now = self.vault.now();
        let name = &row.name;
        let done = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Environment(id)).await?;
            let held = self.vault.hold(&mut tx, RowRef::Environment(id)).await?;
            // The grants for its countries go with them.
            let keys = self.hold_keys(&mut tx, id, None).await?;
            tx.scopes().remove_environment(id, now).await?;
            self.sign_all(&mut tx, keys).await?;
            self.vault.sign(&mut tx, held).await?;
            let entry = Entry::done(now, who.actor(), Action::EnvironmentRemove);
            tx.commit(entry.at_place(Place::environment(slug, id)).with(name)).await
        });
        let refused = Entry::refused(now, who.actor(), Action::EnvironmentRemove)
            .at_place(Place::environment(slug, id));
        self.vault.db().or_refuse(done.await, refused).await?;
        self.vault.moved().raise();
        Ok(row)
    }

    /// # Errors
    /// [`ScopesError::CountryTaken`] when the environment has the country already.
    pub async fn add_country(&self, who: &Session, slug: &Slug, country: &str) -> Result<Country, Error> {
        who.require(Stage::Full)?;
        let environment = self.vault.proved(self.vault.db().scopes().environment(slug).await?)?;
        let country = Country::from_code(country)?;
        let environment = environment.id;
        self.vault
            .db()
            .write(|mut tx| async move {
                tx.lock(Lock::Environment(environment)).await?;
                let id = ScopeId(random::uuid());
                tx.scopes().insert_scope(id, environment, country, self.vault.now()).await?;
                self.vault.sign_new(&mut tx, RowRef::Scope(id)).await?;
                let place = Place::scope(ScopeName { environment: slug.clone(), country }, id);
                let entry = Entry::done(self.vault.now(), who.actor(), Action::CountryAdd);
                tx.commit(entry.at_place(place).with(country.name())).await
            })
            .await?;
        self.vault.moved().raise();
        Ok(country)
    }

    /// Removes a country, while it has no key.
    ///
    /// # Errors
    /// [`ScopesError::HasKeys`] once a key exists.
    pub async fn remove_country(&self, who: &Session, name: &ScopeName) -> Result<(), Error> {
        who.require(Stage::Full)?;
        let environment =
            self.vault.proved(self.vault.db().scopes().environment(&name.environment).await?)?.id;
        let (scope, _) = self.vault.scope(name).await?;
        let place = &scope;
        let scope = scope.id;
        let now = self.vault.now();
        let done = self.vault.db().write(|mut tx| async move {
            tx.lock(Lock::Scope(scope)).await?;
            let keys = self.hold_keys(&mut tx, environment, Some(scope)).await?;
            tx.scopes().delete_scope(scope).await?;
            self.sign_all(&mut tx, keys).await?;
            let entry = Entry::done(now, who.actor(), Action::CountryRemove);
            tx.commit(entry.at_place(place).with(name.country.name())).await
        });
        let refused = Entry::refused(now, who.actor(), Action::CountryRemove).at_place(place);
        self.vault.db().or_refuse(done.await, refused).await?;
        self.vault.moved().raise();
        Ok(())
    }

    /// Returns the names of the working API keys that lose a scope when a country is removed, or an environment with its countries.
    /// At most `most` names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment or the country in it does not exist.
    pub async fn keys_losing(
        &self,
        slug: &Slug,
        country: Option<Country>,
        most: u32,
    ) -> Result<Vec<String>, Error> {
        let environment = self.vault.shown(self.vault.db().scopes().environment(slug).await?).id;
        let scope = match country {
            None => None,
            Some(country) => {
                Some(self.vault.scope(&ScopeName { environment: slug.clone(), country }).await?.0.id)
            }
        };
        self.vault.db().api_keys().granted(environment, scope, time_of_expiry(&self.vault), most).await
    }

    /// Holds the API keys whose grants go with a country, or with all countries of an environment. A key that does not verify
    /// stays as it is.
    async fn hold_keys(
        &self,
        tx: &mut Tx,
        environment: EnvironmentId,
        scope: Option<ScopeId>,
    ) -> Result<Vec<Held>, Error> {
        let mut held = Vec::new();
        for id in tx.authority().keys_with_grants(environment, scope).await? {
            match self.vault.hold(tx, RowRef::ApiKey(id)).await {
                Ok(key) => held.push(key),
                Err(Error::Vault(VaultError::Unproved(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(held)
    }

    async fn sign_all(&self, tx: &mut Tx, keys: Vec<Held>) -> Result<(), Error> {
        for key in keys {
            self.vault.sign(tx, key).await?;
        }
        Ok(())
    }
}
